// The devices of a session. What is the same for every session is found out first, by a warm worker before there is
// one; the driver reads nothing then that a grant could still change.
#pragma once

#include <vector>

#include "base/status.h"
#include "calls/driver_table.h"
#include "worker/grant.h"
#include "worker/session.h"

namespace gpool::worker {

// Initialises the driver, makes the primary context of each device that it sees, and describes the devices.
Status find_devices(const calls::DriverTable& driver, std::vector<Device>& devices);
// Whether their contexts still work.
bool are_alive(const calls::DriverTable& driver, const std::vector<Device>& devices);
// Gives the devices the limits of the grant and reserves their arenas. They must be those that it names, in its order.
Status grant_devices(const calls::DriverTable& driver, const Grant& grant, std::vector<Device>& devices);

}  // namespace gpool::worker

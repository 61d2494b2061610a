// The devices of a session: found in the driver, described for the client, their arenas reserved.
#pragma once

#include <vector>

#include "base/status.h"
#include "calls/driver_table.h"
#include "worker/grant.h"
#include "worker/session.h"

namespace gpool::worker {

Status find_devices(const calls::DriverTable& driver, const Grant& grant, std::vector<Device>& devices);

}  // namespace gpool::worker

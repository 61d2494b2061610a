#include "worker/warm_workers.h"

#include <algorithm>
#include <cstring>

namespace gpool::worker {
namespace {

constexpr auto kFirstPause = std::chrono::milliseconds(500);
constexpr auto kLongestPause = std::chrono::milliseconds(60'000);
// The session that has taken one is starting just now: it has the processor first.
constexpr auto kRefillPause = std::chrono::milliseconds(100);

}  // namespace

WarmWorkers::Place* WarmWorkers::place_of(const Gpu& gpu) {
  auto at = std::find_if(places_.begin(), places_.end(), [&](const Place& one) { return one.gpu == gpu; });
  return at == places_.end() ? nullptr : &*at;
}

unsigned WarmWorkers::count(const Gpu& gpu) const {
  return unsigned(
      std::count_if(workers_.begin(), workers_.end(), [&](const auto& one) { return one.second.gpu == gpu; }));
}

void WarmWorkers::want(std::span<const Gpu> gpus) {
  std::vector<Place> places;
  for (const Gpu& gpu : per_gpu_ > 0 ? gpus : std::span<const Gpu>()) {
    const Place* before = place_of(gpu);
    places.push_back(before ? *before : Place{gpu});
  }
  places_ = std::move(places);
  // Who finds its report closed ends.
  std::erase_if(workers_, [&](const auto& one) { return place_of(one.second.gpu) == nullptr; });
}

std::optional<WarmWorkers::Gpu> WarmWorkers::missing(Clock::time_point now) const {
  for (const Place& place : places_)
    if (place.next_try <= now && count(place.gpu) < per_gpu_) return place.gpu;
  return {};
}

WarmWorkers::Clock::time_point WarmWorkers::next_try() const {
  auto next = Clock::time_point::max();
  for (const Place& place : places_)
    if (count(place.gpu) < per_gpu_) next = std::min(next, place.next_try);
  return next;
}

void WarmWorkers::add(Worker worker, Clock::time_point now) {
  // Not all of a GPU's at once: what one dies of, the next may die of too.
  if (Place* place = place_of(worker.gpu)) place->next_try = now + std::max(place->pause, kRefillPause);
  const uint32_t id = worker.id;
  workers_[id] = std::move(worker);
}

std::optional<WarmWorkers::Worker> WarmWorkers::take(const Grant& grant, Clock::time_point now) {
  Gpu wanted;
  if (grant.vgpu_count > 1) return {};
  if (grant.vgpu_count == 1) std::memcpy(wanted.emplace().data(), grant.vgpus[0].uuid, sizeof grant.vgpus[0].uuid);
  for (auto at = workers_.begin(); at != workers_.end(); ++at) {
    if (!at->second.ready || at->second.pid <= 0 || at->second.gpu != wanted) continue;
    std::optional<Worker> taken = std::move(at->second);
    workers_.erase(at);
    if (Place* place = place_of(wanted)) place->next_try = now + kRefillPause, place->pause = {};
    return taken;
  }
  return {};
}

bool WarmWorkers::lose(uint32_t id, Clock::time_point now) {
  auto at = workers_.find(id);
  if (at == workers_.end()) return false;
  if (Place* place = place_of(at->second.gpu)) {
    place->pause = std::clamp(place->pause * 2, kFirstPause, kLongestPause);
    place->next_try = now + place->pause;
  }
  workers_.erase(at);
  return true;
}

WarmWorkers::Worker* WarmWorkers::find(uint32_t id) {
  auto at = workers_.find(id);
  return at == workers_.end() ? nullptr : &at->second;
}

}  // namespace gpool::worker

#pragma once

#include <algorithm>
#include <cstddef>
#include <string>
#include <vector>

namespace gpool::bench {

/// The value that half of the samples do not exceed. `samples` must not be empty.
inline double median(std::vector<double> samples) {
  const auto middle = samples.begin() + static_cast<std::ptrdiff_t>(samples.size() / 2);
  std::nth_element(samples.begin(), middle, samples.end());
  return *middle;
}

void price_calls();              ///< an asynchronous launch, a blocking round trip, launches a second
void price_launches(int count);  ///< nothing but `count` launches: for callgrind
void price_copies();             ///< both ways, pinned and pageable, by size
void price_allocation();         ///< allocating and freeing, small and large
void price_module(const std::string& name, size_t bytes);  ///< loading one image twice, then a launch from it
void price_start();                                        ///< the clock when the first kernel of this process has run
void price_socket();                                       ///< a plain TCP connection on loopback, for comparison

}  // namespace gpool::bench

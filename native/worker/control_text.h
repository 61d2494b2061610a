// The lines that agent and workerd exchange: a word, then key=value pairs; values with blanks are quoted as in JSON.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

namespace gpool::worker {

class Line {
 public:
  explicit Line(std::string_view word) : text_(word) {}
  Line& add(std::string_view key, std::string_view value);
  Line& add(std::string_view key, uint64_t value) { return add(key, std::to_string(value)); }
  std::string finish() const { return text_ + "\n"; }
  const std::string& text() const { return text_; }

 private:
  std::string text_;
};

}  // namespace gpool::worker

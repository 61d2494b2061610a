#include "worker/control_text.h"

namespace gpool::worker {
namespace {

bool is_plain(std::string_view value) {
  for (char c : value)
    if (c <= 32 || c == 127 || c == '"' || c == '\\' || c == '=') return false;
  return !value.empty();
}

}  // namespace

Line& Line::add(std::string_view key, std::string_view value) {
  text_ += ' ';
  text_ += key;
  text_ += '=';
  if (is_plain(value)) {
    text_ += value;
    return *this;
  }
  static constexpr char kDigits[] = "0123456789abcdef";
  text_ += '"';
  for (char c : value) {
    auto byte = static_cast<unsigned char>(c);
    if (c == '"' || c == '\\') {
      text_ += '\\';
      text_ += c;
    } else if (byte < 32 || byte == 127) {
      text_ += "\\u00";
      text_ += kDigits[byte >> 4];
      text_ += kDigits[byte & 15];
    } else {
      text_ += c;
    }
  }
  text_ += '"';
  return *this;
}

}  // namespace gpool::worker

// The result of an operation of our own (not of CUDA): either fine, or one sentence for a person.
#pragma once

#include <string>
#include <utility>

namespace gpool {

class [[nodiscard]] Status {
 public:
  static Status ok() { return Status(); }
  static Status failed(std::string sentence) { return Status(std::move(sentence)); }

  bool is_ok() const { return sentence_.empty(); }
  explicit operator bool() const { return is_ok(); }
  // Says what, which and what next. Empty when fine.
  const std::string& sentence() const { return sentence_; }

 private:
  Status() = default;
  explicit Status(std::string sentence) : sentence_(std::move(sentence)) {}
  std::string sentence_;
};

}  // namespace gpool

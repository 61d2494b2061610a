// Functions that PTX declares and the driver provides: vprintf, malloc, free, __assertfail.
#include <algorithm>
#include <bit>
#include <cstdio>
#include <cstring>

#include "control.h"
#include "cta.h"

namespace gpool::ptx::control {
namespace {

// Reads a kernel's memory through the same checks as its own loads.
bool read_bytes(Warp& w, uint64_t address, void* to, size_t bytes) {
  if (!admit(w, nullptr, address, address + bytes, false)) return false;
  std::memcpy(to, reinterpret_cast<const void*>(address), bytes);
  return true;
}

constexpr size_t kLongestText = 1 << 16;

bool read_text(Warp& w, uint64_t address, std::string& out) {
  for (out.clear(); out.size() < kLongestText; ++address) {
    char c;
    if (!read_bytes(w, address, &c, 1)) return false;
    if (c == 0) return true;
    out += c;
  }
  return true;
}

// Arguments lie one after the other: 4 or 8 bytes, aligned to their size.
bool format_text(Warp& w, const std::string& format, uint64_t arguments, std::string& out) {
  uint64_t at = arguments;
  auto next = [&](size_t bytes, uint64_t& value) {
    at = (at + bytes - 1) & ~(bytes - 1);
    value = 0;
    bool read = read_bytes(w, at, &value, bytes);
    at += bytes;
    return read;
  };
  for (size_t i = 0; i < format.size(); ++i) {
    if (format[i] != '%') {
      out += format[i];
      continue;
    }
    if (i + 1 < format.size() && format[i + 1] == '%') {
      out += '%';
      ++i;
      continue;
    }
    std::string spec = "%";
    uint64_t value;
    size_t longs = 0;
    for (++i; i < format.size() && std::strchr("-+ #0123456789.*hlLzjt", format[i]); ++i) {
      if (format[i] == '*') {
        if (!next(4, value)) return false;
        spec += std::to_string(static_cast<int32_t>(value));
      } else if (std::strchr("lLzjt", format[i])) {
        longs = 2;
      } else if (format[i] != 'h') {
        spec += format[i];
      }
    }
    if (i >= format.size()) {
      out += spec;
      break;
    }
    char text[512];
    const char conversion = format[i];
    switch (conversion) {
      case 'd':
      case 'i':
        if (!next(longs ? 8 : 4, value)) return false;
        spec += "lld";
        std::snprintf(text, sizeof text, spec.c_str(),
                      longs ? static_cast<long long>(value) : static_cast<long long>(static_cast<int32_t>(value)));
        out += text;
        break;
      case 'u':
      case 'o':
      case 'x':
      case 'X':
        if (!next(longs ? 8 : 4, value)) return false;
        spec += std::string("ll") + conversion;
        std::snprintf(text, sizeof text, spec.c_str(), static_cast<unsigned long long>(value));
        out += text;
        break;
      case 'c':
        if (!next(4, value)) return false;
        spec += 'c';
        std::snprintf(text, sizeof text, spec.c_str(), static_cast<int>(value));
        out += text;
        break;
      case 'f':
      case 'F':
      case 'e':
      case 'E':
      case 'g':
      case 'G':
      case 'a':
      case 'A':
        if (!next(8, value)) return false;
        spec += conversion;
        std::snprintf(text, sizeof text, spec.c_str(), std::bit_cast<double>(value));
        out += text;
        break;
      case 'p':
        if (!next(8, value)) return false;
        std::snprintf(text, sizeof text, "0x%llx", static_cast<unsigned long long>(value));
        out += text;
        break;
      case 's': {
        if (!next(8, value)) return false;
        std::string string;
        if (value == 0)
          string = "(null)";
        else if (!read_text(w, value, string))
          return false;
        size_t width = 0;
        bool left = false;
        size_t precision = kLongestText, *number = &width;
        for (char c : std::string_view(spec).substr(1)) {
          if (c == '-')
            left = true;
          else if (c == '.')
            number = &precision, precision = 0;
          else if (c >= '0' && c <= '9' && *number < kLongestText)
            *number = *number * 10 + static_cast<size_t>(c - '0');
        }
        string = string.substr(0, precision);
        std::string blanks(string.size() < width ? width - string.size() : 0, ' ');
        out += left ? string + blanks : blanks + string;
        break;
      }
      default:
        out += spec + conversion;
    }
  }
  return true;
}

}  // namespace

bool run_builtin(Warp& w, const Instruction* in, const Call& call, const Frame& caller) {
  Job& job = *w.cta->job;
  std::string assertions;
  const Builtin builtin = static_cast<Builtin>(call.builtin);
  for (uint32_t left = w.mask; left; left &= left - 1) {
    const unsigned lane = static_cast<unsigned>(std::countr_zero(left));
    std::byte* local = w.local + lane * w.local_stride + caller.local_base;
    auto argument = [&](size_t index) {
      uint64_t value = 0;
      if (index < call.arguments.size()) {
        std::memcpy(&value, local + call.arguments[index].offset, std::min(call.arguments[index].bytes, 8u));
      }
      return value;
    };
    auto give = [&](uint64_t value) {
      if (!call.results.empty())
        std::memcpy(local + call.results[0].offset, &value, std::min(call.results[0].bytes, 8u));
    };
    switch (builtin) {
      case Builtin::vprintf: {
        std::string format, text;
        if (!read_text(w, argument(0), format) || !format_text(w, format, argument(1), text)) {
          fault_address(w, in, lane, argument(0), "text or arguments of printf");
          return false;
        }
        give(static_cast<uint64_t>(std::count_if(format.begin(), format.end(), [](char c) { return c == '%'; })));
        std::lock_guard lock(job.mutex);
        if (job.hooks->print) job.hooks->print(text);
        break;
      }
      case Builtin::malloc: {
        const uint64_t bytes = argument(0);
        std::lock_guard lock(job.mutex);
        uint64_t address = job.hooks->allocate && bytes ? job.hooks->allocate(bytes) : 0;
        if (address) job.heap.push_back({address, address + bytes, true});
        give(address);
        break;
      }
      case Builtin::free: {
        const uint64_t address = argument(0);
        std::lock_guard lock(job.mutex);
        std::erase_if(job.heap, [&](const Region& region) { return region.begin == address; });
        if (address && job.hooks->free) job.hooks->free(address);
        break;
      }
      case Builtin::assertfail: {
        std::string message, file, function;
        if (!read_text(w, argument(0), message)) message = "?";
        if (!read_text(w, argument(1), file)) file = "?";
        if (!read_text(w, argument(3), function)) function = "?";
        const Cta& cta = *w.cta;
        const uint32_t* block = job.launch.block;
        const uint32_t thread = w.index * kLanes + lane;
        assertions += file + ":" + std::to_string(static_cast<uint32_t>(argument(2))) + ": " + function + ": block: [" +
                      std::to_string(cta.id[0]) + "," + std::to_string(cta.id[1]) + "," + std::to_string(cta.id[2]) +
                      "], thread: [" + std::to_string(thread % block[0]) + "," +
                      std::to_string(thread / block[0] % block[1]) + "," +
                      std::to_string(thread / block[0] / block[1]) + "] Assertion `" + message + "` failed.";
        // Every thread of the warp that fails says so before the kernel ends.
        if ((left & (left - 1)) != 0) {
          assertions += '\n';
          break;
        }
        fault(w, in, lane, Fault::Kind::assert_failed, assertions);
        return false;
      }
      case Builtin::none:
        return false;
    }
  }
  return true;
}

}  // namespace gpool::ptx::control

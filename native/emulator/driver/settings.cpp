#include "emulator/driver/settings.h"

#include <unistd.h>

#include <cctype>
#include <charconv>
#include <cstdlib>
#include <cstring>
#include <optional>
#include <span>
#include <string_view>

#include "base/sha256.h"

namespace gpool::emulator {
namespace {

std::optional<uint64_t> parse_number(std::string_view text) {
  uint64_t value = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc() || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// 1073741824, 512MiB, 8GiB, 8G, 2.5GiB. Suffixes are powers of 1024, as in `gpool run --memory`.
std::optional<uint64_t> parse_bytes(std::string_view text) {
  size_t digits = 0;
  while (digits < text.size() && (std::isdigit(static_cast<unsigned char>(text[digits])) || text[digits] == '.'))
    ++digits;
  std::string suffix(text.substr(digits));
  for (char& c : suffix) c = static_cast<char>(std::tolower(static_cast<unsigned char>(c)));
  int shift = -1;
  if (suffix.empty() || suffix == "b") shift = 0;
  const char* units[] = {"k", "m", "g", "t"};
  for (int i = 0; i < 4; ++i) {
    std::string unit = units[i];
    if (suffix == unit || suffix == unit + "b" || suffix == unit + "ib") shift = 10 * (i + 1);
  }
  double number = 0;
  auto [end, error] = std::from_chars(text.data(), text.data() + digits, number);
  if (shift < 0 || digits == 0 || error != std::errc() || end != text.data() + digits) return std::nullopt;
  double bytes = number * static_cast<double>(uint64_t{1} << shift);
  if (!(bytes >= 1) || bytes > static_cast<double>(uint64_t{1} << 46)) return std::nullopt;
  return static_cast<uint64_t>(bytes);
}

Status bad(const char* name, std::string_view value, const char* wanted) {
  return Status::failed(std::string(name) + "='" + std::string(value) + "' is not usable: it must be " + wanted);
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> parts;
  while (true) {
    size_t at = text.find(separator);
    parts.push_back(text.substr(0, at));
    if (at == std::string_view::npos) return parts;
    text.remove_prefix(at + 1);
  }
}

std::string_view trim(std::string_view text) {
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.front()))) text.remove_prefix(1);
  while (!text.empty() && std::isspace(static_cast<unsigned char>(text.back()))) text.remove_suffix(1);
  return text;
}

Status read_faults(std::string_view text, Faults& faults) {
  constexpr const char* kWanted =
      "a comma-separated list of oom-after=N, launch-fail-at=N, ecc-error-at=N, device-lost-at=N, crash-at=N, "
      "hang-kernel=NAME, "
      "slow-copies=BYTES_PER_SECOND, slow-kernels=MICROSECONDS (each N at least 1)";
  for (std::string_view part : split(text, ',')) {
    part = trim(part);
    if (part.empty()) continue;
    size_t equals = part.find('=');
    if (equals == std::string_view::npos) return bad("GPOOL_EMULATOR_FAULT", text, kWanted);
    std::string_view name = part.substr(0, equals), value = part.substr(equals + 1);
    if (name == "hang-kernel") {
      if (value.empty()) return bad("GPOOL_EMULATOR_FAULT", text, kWanted);
      faults.hang_kernel = value;
      continue;
    }
    std::optional<uint64_t> number = name == "slow-copies" ? parse_bytes(value) : parse_number(value);
    if (!number || *number == 0) return bad("GPOOL_EMULATOR_FAULT", text, kWanted);
    if (name == "oom-after") {
      faults.oom_after = *number;
    } else if (name == "launch-fail-at") {
      faults.launch_fail_at = *number;
    } else if (name == "ecc-error-at") {
      faults.ecc_error_at = *number;
    } else if (name == "crash-at") {
      faults.crash_at = *number;
    } else if (name == "device-lost-at") {
      faults.device_lost_at = *number;
    } else if (name == "slow-copies") {
      faults.slow_copies = *number;
    } else if (name == "slow-kernels") {
      faults.slow_kernels_us = *number;
    } else {
      return bad("GPOOL_EMULATOR_FAULT", text, kWanted);
    }
  }
  return Status::ok();
}

// NVIDIA's rule: the list ends at its first entry that names no device, or names one twice (then no device is visible).
std::vector<int> visible_devices(std::string_view text, const Settings& settings) {
  std::vector<int> visible;
  for (std::string_view part : split(text, ',')) {
    part = trim(part);
    int found = -1;
    if (std::optional<uint64_t> ordinal = parse_number(part)) {
      if (*ordinal < static_cast<uint64_t>(settings.gpus)) found = static_cast<int>(*ordinal);
    } else if (part.size() > 4 && strncasecmp(part.data(), "GPU-", 4) == 0) {
      int matches = 0;
      for (int gpu = 0; gpu < settings.gpus; ++gpu) {
        std::string uuid = format_uuid(uuid_of(settings.node, gpu));
        if (part.size() <= uuid.size() && strncasecmp(uuid.data(), part.data(), part.size()) == 0) {
          found = gpu;
          ++matches;
        }
      }
      if (matches != 1) found = -1;
    }
    if (found < 0) break;
    for (int other : visible) {
      if (other == found) return {};
    }
    visible.push_back(found);
  }
  return visible;
}

}  // namespace

Status read_settings(Settings& settings) {
  if (const char* text = std::getenv("GPOOL_EMULATOR_GPUS"); text && *text) {
    std::optional<uint64_t> number = parse_number(text);
    if (!number || *number > 16) return bad("GPOOL_EMULATOR_GPUS", text, "a number from 0 to 16");
    settings.gpus = static_cast<int>(*number);
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_MEMORY"); text && *text) {
    std::optional<uint64_t> bytes = parse_bytes(text);
    if (!bytes || *bytes < (uint64_t{1} << 20)) {
      return bad("GPOOL_EMULATOR_MEMORY", text,
                 "a size of at least 1MiB, for example 512MiB, 8GiB or a number of bytes");
    }
    settings.memory = *bytes;
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_NODE"); text && *text) {
    settings.node = text;
  } else {
    char host[256] = "localhost";
    gethostname(host, sizeof host - 1);
    settings.node = host;
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_CAPABILITY"); text && *text) {
    std::vector<std::string_view> parts = split(text, '.');
    std::optional<uint64_t> major, minor;
    if (parts.size() == 2) {
      major = parse_number(parts[0]);
      minor = parse_number(parts[1]);
    }
    if (!major || !minor || *major < 5 || *major > 99 || *minor > 9) {
      return bad("GPOOL_EMULATOR_CAPABILITY", text, "MAJOR.MINOR, for example 12.1 or 8.0");
    }
    settings.major = static_cast<int>(*major);
    settings.minor = static_cast<int>(*minor);
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_DRIVER_VERSION"); text && *text) {
    std::optional<uint64_t> number = parse_number(text);
    if (!number || *number < 11000 || *number > 99990) {
      return bad("GPOOL_EMULATOR_DRIVER_VERSION", text,
                 "a CUDA version as 1000 * major + 10 * minor, for example 13000");
    }
    settings.driver_version = static_cast<int>(*number);
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_NAME"); text && *text) {
    if (std::strlen(text) > 95) return bad("GPOOL_EMULATOR_NAME", text, "at most 95 bytes long");
    settings.name = text;
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_THREADS"); text && *text) {
    std::optional<uint64_t> number = parse_number(text);
    if (!number || *number == 0 || *number > 1024)
      return bad("GPOOL_EMULATOR_THREADS", text, "a number from 1 to 1024");
    settings.threads = static_cast<unsigned>(*number);
  }
  if (const char* text = std::getenv("GPOOL_EMULATOR_FAULT"); text && *text) {
    if (Status status = read_faults(text, settings.faults); !status) return status;
  }
  if (const char* text = std::getenv("CUDA_VISIBLE_DEVICES")) {
    settings.visible = visible_devices(text, settings);
  } else {
    for (int gpu = 0; gpu < settings.gpus; ++gpu) settings.visible.push_back(gpu);
  }
  return Status::ok();
}

Uuid uuid_of(const std::string& node, int gpu) {
  const std::string text = "gpool-emulated-gpu:" + node + ":" + std::to_string(gpu);
  const Sha256Digest digest = sha256(std::as_bytes(std::span(text)));
  Uuid uuid;
  std::memcpy(uuid.data(), digest.data(), uuid.size());
  return uuid;
}

std::string format_uuid(const Uuid& uuid) {
  static constexpr char kDigits[] = "0123456789abcdef";
  std::string text = "GPU-";
  for (size_t i = 0; i < uuid.size(); ++i) {
    if (i == 4 || i == 6 || i == 8 || i == 10) text += '-';
    text += kDigits[uuid[i] >> 4];
    text += kDigits[uuid[i] & 15];
  }
  return text;
}

}  // namespace gpool::emulator

#include <algorithm>
#include <cctype>
#include <cstdlib>
#include <set>
#include <string_view>

#include "emulator/driver/link.h"

namespace gpool::emulator {
namespace {

std::string without_comments(std::string_view text) {
  std::string plain;
  plain.reserve(text.size());
  for (size_t i = 0; i < text.size();) {
    if (text[i] == '"') {
      size_t end = text.find('"', i + 1);
      end = end == std::string_view::npos ? text.size() : end + 1;
      plain += text.substr(i, end - i);
      i = end;
    } else if (text.substr(i, 2) == "//") {
      i = std::min(text.find('\n', i), text.size());
    } else if (text.substr(i, 2) == "/*") {
      size_t end = text.find("*/", i + 2);
      size_t stop = end == std::string_view::npos ? text.size() : end + 2;
      plain.append(static_cast<size_t>(
                       std::count(text.begin() + static_cast<long>(i), text.begin() + static_cast<long>(stop), '\n')),
                   '\n');
      i = stop;
    } else {
      plain += text[i++];
    }
  }
  return plain;
}

// A statement of module scope: up to ';' or to the end of a body in braces.
std::vector<std::string> statements_of(const std::string& text) {
  std::vector<std::string> statements;
  std::string now;
  int depth = 0;
  bool initialiser = false;
  for (size_t i = 0; i < text.size(); ++i) {
    char c = text[i];
    now += c;
    if (c == '=' && depth == 0) initialiser = true;
    if (c == '{') ++depth;
    if (c == '}') --depth;
    bool line_directive = c == '\n' && depth == 0 && [&] {
      size_t first = now.find_first_not_of(" \t\r\n");
      if (first == std::string::npos) return false;
      std::string_view word = std::string_view(now).substr(first);
      return word.starts_with(".version") || word.starts_with(".target") || word.starts_with(".address_size") ||
             word.starts_with(".file") || word.starts_with(".loc");
    }();
    if (line_directive || (depth == 0 && (c == ';' || (c == '}' && !initialiser)))) {
      statements.push_back(std::move(now));
      now.clear();
      initialiser = false;
    }
  }
  if (now.find_first_not_of(" \t\r\n") != std::string::npos) statements.push_back(std::move(now));
  return statements;
}

std::string_view trimmed(std::string_view text) {
  size_t first = text.find_first_not_of(" \t\r\n");
  return first == std::string_view::npos ? std::string_view() : text.substr(first);
}

bool is_name_character(char c) {
  return std::isalnum(static_cast<unsigned char>(c)) || c == '_' || c == '$' || c == '%';
}

// The symbol that a declaration or definition names: the first word that is no directive, type, number or return value.
std::string symbol_of(std::string_view statement) {
  int depth = 0;
  for (size_t i = 0; i < statement.size();) {
    char c = statement[i];
    if (c == '(') {
      // A parameter list before any name holds return values.
      ++depth, ++i;
    } else if (c == ')') {
      --depth, ++i;
    } else if (c == '.' || std::isdigit(static_cast<unsigned char>(c))) {
      ++i;
      while (i < statement.size() && (is_name_character(statement[i]) || statement[i] == ':')) ++i;
    } else if (is_name_character(c)) {
      size_t end = i;
      while (end < statement.size() && is_name_character(statement[end])) ++end;
      if (depth == 0) return std::string(statement.substr(i, end - i));
      i = end;
    } else if (c == '{' || c == ';' || c == '=') {
      return {};
    } else {
      ++i;
    }
  }
  return {};
}

}  // namespace

std::string merge_ptx(const std::vector<std::string>& inputs) {
  if (inputs.size() == 1) return inputs.front();
  double version = 0;
  std::string version_text = "9.0", target_text = "sm_75", body;
  int target = 0;
  std::set<std::string> defined, declared;
  std::vector<std::string> kept;
  for (const std::string& input : inputs) {
    for (std::string& statement : statements_of(without_comments(input))) {
      std::string_view text = trimmed(statement);
      if (text.starts_with(".version")) {
        std::string_view value = trimmed(text.substr(8));
        value = value.substr(0, value.find_first_of(" \t\r\n"));
        if (double number = std::atof(std::string(value).c_str()); number > version) {
          version = number;
          version_text = value;
        }
      } else if (text.starts_with(".target")) {
        std::string_view value = trimmed(text.substr(7));
        value = value.substr(0, value.find_first_of(", \t\r\n"));
        if (value.starts_with("sm_")) {
          if (int number = std::atoi(std::string(value.substr(3)).c_str()); number > target) {
            target = number;
            target_text = value;
          }
        }
      } else if (text.starts_with(".address_size") || text.starts_with(".file") || text.starts_with(".loc")) {
        continue;
      } else {
        // `.func f;` without a body declares as `.extern` does.
        bool declares = text.starts_with(".extern") ||
                        (text.find(".func") != std::string_view::npos && text.find('{') == std::string_view::npos);
        if (!declares) defined.insert(symbol_of(text));
        kept.push_back(std::move(statement));
      }
    }
  }
  for (const std::string& statement : kept) {
    std::string_view text = trimmed(statement);
    bool declares = text.starts_with(".extern") ||
                    (text.find(".func") != std::string_view::npos && text.find('{') == std::string_view::npos);
    if (declares) {
      std::string symbol = symbol_of(text);
      // Functions stay declared in front of their first use; variables must appear once.
      bool function = text.find(".func") != std::string_view::npos;
      if (!function && (defined.contains(symbol) || !declared.insert(symbol).second)) continue;
      if (function && !declared.insert(symbol).second) continue;
      if (function && text.starts_with(".extern") && defined.contains(symbol)) {
        body += "\n.visible" + std::string(text.substr(7));
        continue;
      }
    }
    body += statement;
  }
  return ".version " + version_text + "\n.target " + target_text + "\n.address_size 64\n" + body + "\n";
}

}  // namespace gpool::emulator

#pragma once

#include <string>

namespace other {

// A variable of which each file has a copy, and the program one.
template <typename T> T &shared() {
  static T value = 20;
  return value;
}

[[noreturn]] void fail(const std::string &text);
int &shared_there();

}  // namespace other

inline int shared_here() { return other::shared<int>() += 1; }

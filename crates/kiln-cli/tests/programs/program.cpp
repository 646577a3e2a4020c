// What C++ asks of a loader: static initialisation, exceptions, thread-local variables, templates in several files,
// virtual functions, type information, streams, threads.

#include <algorithm>
#include <condition_variable>
#include <exception>
#include <iostream>
#include <map>
#include <memory>
#include <mutex>
#include <sstream>
#include <stdexcept>
#include <string>
#include <thread>
#include <typeinfo>
#include <vector>

#include "program.h"

namespace {

struct Noisy {
  std::string name;
  explicit Noisy(std::string name) : name(std::move(name)) { std::cout << "+" << this->name << std::endl; }
  ~Noisy() { std::cout << "-" << name << std::endl; }
};

Noisy first("first static");
Noisy second("second static");

thread_local int counter = 40;
thread_local Noisy own("thread-local");

struct Shape {
  virtual ~Shape() = default;
  virtual double area() const = 0;
};
struct Square : virtual Shape {
  double side;
  explicit Square(double side) : side(side) {}
  double area() const override { return side * side; }
};
struct Named : virtual Shape {
  virtual std::string name() const { return "named"; }
};
struct Both : Square, Named {
  Both() : Square(3) {}
  std::string name() const override { return "both"; }
};

struct Problem : std::runtime_error {
  int code;
  Problem(const std::string &what, int code) : std::runtime_error(what), code(code) {}
};

int deep(int level) {
  Noisy *guard = level % 4 == 0 ? new Noisy("level " + std::to_string(level)) : nullptr;
  std::unique_ptr<Noisy> owner(guard);
  if (level == 0)
    throw Problem("at the bottom", 7);
  return deep(level - 1) + 1;
}

int &once() {
  static int value = [] {
    std::cout << "made once" << std::endl;
    return 5;
  }();
  return value;
}

}  // namespace

int main(int count, char **words) {
  std::cout << "main with " << count - 1 << ": " << words[1] << std::endl;
  try {
    deep(8);
  } catch (const std::exception &problem) {
    std::cout << typeid(problem).name() << ": " << problem.what() << ", "
              << dynamic_cast<const Problem &>(problem).code << std::endl;
  }
  try {
    try {
      std::vector<int>().at(3);
    } catch (...) {
      std::throw_with_nested(std::logic_error("outer"));
    }
  } catch (const std::logic_error &outer) {
    try {
      std::rethrow_if_nested(outer);
    } catch (const std::out_of_range &) {
      std::cout << "nested in " << outer.what() << std::endl;
    }
  }
  try {
    other::fail("from the other file");
  } catch (const std::string &text) {
    std::cout << "caught " << text << std::endl;
  }
  // Through a function of the C++ library.
  std::vector<int> numbers = {3, 1, 2};
  try {
    std::sort(numbers.begin(), numbers.end(), [](int, int) -> bool { throw 1; });
  } catch (int number) {
    std::cout << "out of std::sort: " << number << std::endl;
  }

  Both both;
  Shape &shape = both;
  std::cout << shape.area() << " " << dynamic_cast<Named &>(shape).name() << std::endl;
  std::cout << once() + once() << " " << other::shared<int>() + shared_here() << std::endl;
  std::cout << (&other::shared<int>() == &other::shared_there() ? "one" : "two") << " of a template's variable" << std::endl;

  std::map<std::string, int> words_by_length;
  std::istringstream text("the quick brown fox");
  for (std::string word; text >> word;)
    words_by_length[word] = word.size();
  for (const auto &word : words_by_length)
    std::cout << word.first << "=" << word.second << " ";
  std::cout << std::endl;

  counter += 1;
  own.name = "thread-local of main";
  std::thread thread([] {
    own.name = "thread-local of a thread";
    counter += 2;
    std::cout << "thread: " << counter << std::endl;
    try {
      deep(1);
    } catch (const Problem &) {
      std::cout << "caught in the thread" << std::endl;
    }
  });
  thread.join();
  std::exception_ptr problem;
  std::thread thrower([&problem] {
    try {
      throw Problem("of a thread", 9);
    } catch (...) {
      problem = std::current_exception();
    }
  });
  thrower.join();
  try {
    std::rethrow_exception(problem);
  } catch (const Problem &problem) {
    std::cout << "main: " << counter << ", a problem " << problem.what() << std::endl;
  }
  return 4;
}

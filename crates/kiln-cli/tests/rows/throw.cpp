// C++ exceptions: by type, through frames with destructors, across files, thrown again, and of thread and program life.
// options: -O2 -nostdinc++
// expect: int 7, destroyed 1
// expect: base 1 of derived, destroyed 2
// expect: right part of both: 22
// expect: virtual base 33
// expect: constant text: text
// expect: not caught by another type, then by all
// expect: inner derived 5, outer derived 5
// expect: deep: 1000 frames, destroyed 1000
// expect: out of the other file: 9, destroyed there
// expect: made once 1 1
// expect: thread: 13
// expect: within a handler: 2 1
extern "C" int printf(const char *, ...);
extern "C" int pthread_create(void **, const void *, void *(*)(void *), void *), pthread_join(void *, void **);

static int destroyed;
struct Guard {
  ~Guard() { destroyed++; }
};
struct Base {
  int number;
  Base(int number) : number(number) {}
  Base(const Base &other) : number(other.number) {}
  virtual ~Base() {}
};
struct Derived : Base {
  using Base::Base;
};
struct Left {
  int left = 11;
  virtual ~Left() {}
};
struct Right {
  int right = 22;
  virtual ~Right() {}
};
struct Both : Left, Right {};
struct Root {
  int root = 33;
  virtual ~Root() {}
};
struct One : virtual Root {};
struct Two : virtual Root {};
struct Diamond : One, Two {};

void other_file(int n, void (*with)(int));

template <class T> __attribute__((noinline)) void throw_it(T value) {
  Guard guard;
  throw value;
}

__attribute__((noinline)) static int deep(int n) {
  Guard guard;
  if (n == 0)
    throw Derived(n);
  return deep(n - 1) + 1;
}

static void again(int n) {
  try {
    throw_it(Derived(n));
  } catch (Base &base) {
    printf("inner derived %d, ", base.number);
    throw;
  }
}

struct Once {
  static int made;
  int number;
  Once(bool fails) : number(++made) {
    if (fails)
      throw made--;
  }
};
int Once::made;
static Once &once(bool fails) {
  static Once once(fails);
  return once;
}

static void *thread(void *result) {
  try {
    throw_it(13L);
  } catch (long n) {
    *(long *)result = n;
  }
  return result;
}

int main() {
  try {
    throw_it(7);
  } catch (unsigned n) {
    printf("unsigned\n");
  } catch (int n) {
    printf("int %d, destroyed %d\n", n, destroyed);
  }
  try {
    throw_it(Derived(1));
  } catch (Base &base) {
    printf("base %d of derived, destroyed %d\n", base.number, destroyed);
  }
  try {
    throw Both();
  } catch (Right &right) {
    printf("right part of both: %d\n", right.right);
  }
  try {
    throw Diamond();
  } catch (Root &root) {
    printf("virtual base %d\n", root.root);
  }
  try {
    throw "text";
  } catch (char **text) {
    printf("of another kind: %s\n", *text);
  } catch (const char *text) {
    printf("constant text: %s\n", text);
  }
  try {
    try {
      throw 1.5;
    } catch (Base &) {
      printf("base\n");
    } catch (float) {
      printf("float\n");
    }
  } catch (...) {
    printf("not caught by another type, then by all\n");
  }
  try {
    again(5);
  } catch (Derived &derived) {
    printf("outer derived %d\n", derived.number);
  }
  destroyed = 0;
  try {
    deep(999);
  } catch (Base &) {
    printf("deep: 1000 frames, destroyed %d\n", destroyed);
  }
  try {
    other_file(9, [](int n) { throw n; });
  } catch (int n) {
    printf("out of the other file: %d, ", n);
    try {
      other_file(0, 0);
    } catch (const char *text) {
      printf("%s\n", text);
    }
  }
  // An initialization that fails is tried again.
  try {
    once(true);
  } catch (int) {
    printf("made once %d %d\n", once(false).number, once(true).number);
  }
  void *other;
  long result = 0;
  pthread_create(&other, nullptr, thread, &result);
  pthread_join(other, nullptr);
  printf("thread: %ld\n", result);
  try {
    throw 1;
  } catch (int outer) {
    try {
      throw 2;
    } catch (int inner) {
      printf("within a handler: %d %d\n", inner, outer);
    }
  }
}
// file: other.cpp
static const char *state = "not destroyed";
struct Guard {
  ~Guard() { state = "destroyed there"; }
};
void other_file(int n, void (*with)(int)) {
  if (!with)
    throw state;
  Guard guard;
  with(n);
}

// Functions that are registered run at the end, the last one first, before what is buffered is written; the status is main's.
// status: 3
// expect: main
// expect: of the other file
// expect: second
// expect: first
int atexit(void (*)(void)), puts(const char *), printf(const char *, ...), other(void);
static void first(void) { printf("first\n"); }
static void second(void) { puts("second"); }
int main(void) {
  atexit(first);
  atexit(second);
  other();
  puts("main");
  return 3;
}
// file: other.c
int atexit(void (*)(void)), puts(const char *);
static void end(void) { puts("of the other file"); }
int other(void) { return atexit(end); }

// Constructors run before main, in the order of the files and of the functions.
// expect: one
// expect: two
// expect: three
// expect: main
int puts(const char *);
__attribute__((constructor)) static void one(void) { puts("one"); }
__attribute__((constructor)) static void two(void) { puts("two"); }
int main(void) { puts("main"); }
// file: other.c
int puts(const char *);
__attribute__((constructor)) static void three(void) { puts("three"); }

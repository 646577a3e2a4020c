// Hidden symbols join the files; static ones of the same name, and weak ones that a strong one replaces, stay apart.
// options: -O1 -fcommon
// expect: hidden 1, internal 2, static 10 20, weak 4, common 5
int printf(const char *, ...), other(void);
__attribute__((visibility("hidden"))) int hidden(void);
__attribute__((visibility("internal"))) extern int internal;
static int same(void) { return 10; }
__attribute__((weak)) int weak(void) { return 3; }
int common;
int main(void) { printf("hidden %d, internal %d, static %d %d, weak %d, common %d\n", hidden(), internal, same(), other(), weak(), common); }
// file: other.c
__attribute__((visibility("hidden"))) int hidden(void) { return 1; }
__attribute__((visibility("internal"))) int internal = 2;
static int same(void) { return 20; }
int other(void) { return same(); }
int weak(void) { return 4; }
int common = 5;

// Code of the large model, which has 64-bit addresses: on Mach-O from the GOT, since there are no MOVW relocations.
// options: -O1 -mcmodel=large
// expect: three 3 seven
int printf(const char *, ...);
static const char *const words[] = {"three", "seven"};
int number = 3;
static const char *word(int n) { return words[n & 1]; }
const char *(*volatile function)(int) = word;
int main(void) { printf("%s %d %s\n", word(number - 1), number, function(1)); }

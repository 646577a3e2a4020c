// Functions that are chosen when they are loaded, as by IFUNC: once, with one address for all, before constructors.
// expect: constructor: 42
// expect: 42 42 same, chosen once
int printf(const char *, ...), chosen(int), of_other(int);
int (*address_in_other(void))(int);
extern int times;
int (*pointer)(int) = chosen;
__attribute__((constructor)) static void before(void) { printf("constructor: %d\n", chosen(21)); }
int main(void) {
  printf("%d %d %s, chosen %s\n", chosen(21), of_other(21), pointer == address_in_other() ? "same" : "different",
         times == 1 ? "once" : "not once");
}
// file: other.c
int times;
static int twice(int n) { return 2 * n; }
void *chosen(void) {
  times++;
  return (void *)twice;
}
__asm__(".symbol_resolver _chosen");
int (*address_in_other(void))(int) { return (int (*)(int))chosen; }
int of_other(int n) { return address_in_other()(n); }

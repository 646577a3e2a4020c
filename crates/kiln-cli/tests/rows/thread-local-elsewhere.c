// Thread-local variables of another file, by name and by a function of it, also from a thread; hidden ones too.
// expect: 3 5 3
// expect: thread: 3 5 3
// expect: 13 25 13
int printf(const char *, ...), own(void);
int pthread_create(void **, const void *, void *(*)(void *), void *), pthread_join(void *, void **);
extern _Thread_local int variable;
__attribute__((visibility("hidden"))) extern _Thread_local int hidden;
static void *thread(void *unused) {
  printf("thread: %d %d %d\n", variable, hidden, own());
  variable = hidden = 1000;
  return unused;
}
int main(void) {
  void *other;
  printf("%d %d %d\n", variable, hidden, own());
  variable += 10;
  hidden += 20;
  pthread_create(&other, 0, thread, 0);
  pthread_join(other, 0);
  printf("%d %d %d\n", variable, hidden, own());
}
// file: other.c
_Thread_local int variable = 3;
__attribute__((visibility("hidden"))) _Thread_local int hidden = 5;
int own(void) { return variable; }

// Thread-local variables of the file itself: each thread has its own, initialised, and zeros.
// expect: 3 0 abcd 200
// expect: thread: 3 0 abcd 200
// expect: 4 1 bbcd 201
int printf(const char *, ...);
int pthread_create(void **, const void *, void *(*)(void *), void *), pthread_join(void *, void **);
static int numbers[] = {100, 200};
static _Thread_local int counter = 3;
static _Thread_local long zeros[100];
static _Thread_local char text[5] __attribute__((aligned(64))) = "abcd";
_Thread_local int *pointer = &numbers[1];
static void show(const char *who) {
  if ((unsigned long)text % 64)
    printf("not aligned: %p\n", (void *)text);
  printf("%s%d %ld %s %d\n", who, counter, zeros[99], text, *pointer);
}
static void *thread(void *unused) {
  show("thread: ");
  counter = 77;
  zeros[99] = 77;
  text[0] = 'x';
  pointer = 0;
  return unused;
}
int main(void) {
  void *other;
  show("");
  pthread_create(&other, 0, thread, 0);
  pthread_join(other, 0);
  ++counter;
  ++zeros[99];
  ++text[0];
  ++*pointer;
  show("");
}

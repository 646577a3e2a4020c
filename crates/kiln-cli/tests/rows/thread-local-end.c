// What a thread has registered for its variables' end runs when it ends, the last one first; the main thread's at exit.
// expect: main
// expect: thread
// expect: second 7
// expect: first 7
// expect: joined
// expect: second 5
// expect: first 5
int printf(const char *, ...), puts(const char *);
int pthread_create(void **, const void *, void *(*)(void *), void *), pthread_join(void *, void **);
void _tlv_atexit(void (*)(void *), void *);
static _Thread_local int number = 5;
static void first(void *at) { printf("first %d\n", *(int *)at); }
static void second(void *at) { printf("second %d\n", *(int *)at); }
static void use(const char *who) {
  puts(who);
  _tlv_atexit(first, &number);
  _tlv_atexit(second, &number);
}
static void *thread(void *unused) {
  use("thread");
  number += 2;
  return unused;
}
int main(void) {
  void *other;
  use("main");
  pthread_create(&other, 0, thread, 0);
  pthread_join(other, 0);
  puts("joined");
}

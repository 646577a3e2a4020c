// Makes a function that returns 42, in the way that the first argument names, and exits with what it returns.
// Compiled for macOS by tests/rules.rs; there are no headers of Apple's here, so the declarations stand below.

typedef unsigned long size_t;
void *mmap(void *, size_t, int, int, int, long);
int mprotect(void *, size_t, int);
void *memcpy(void *, const void *, size_t);
int strcmp(const char *, const char *);
void sys_icache_invalidate(void *, size_t);
void pthread_jit_write_protect_np(int);
int pthread_jit_write_with_callback_np(int (*)(void *), void *);
int pthread_create(void **, const void *, void *(*)(void *), void *);
int pthread_join(void *, void **);
int *__error(void);
int an_unknown_function(void);
void abort(void);
void (*signal(int, void (*)(int)))(int);
int raise(int);
int pthread_atfork(void (*)(void), void (*)(void), void (*)(void));
int fork(void);
int waitpid(int, int *, int);
void _exit(int);

enum { R = 1, W = 2, X = 4, PRIVATE_ANON = 0x1002, JIT = 0x800, PAGE = 16384 };

static const unsigned code[] = {0x52800540, 0xd65f03c0};  // mov w0, #42; ret
static char *page;

static int run(void) { return ((int (*)(void))page)(); }
static void write_code(void) { memcpy(page, code, sizeof code); }
static void flush(void) { sys_icache_invalidate(page, sizeof code); }
static void *run_in_thread(void *unused) { return (void *)(long)run(); }
static void *write_in_thread(void *unused) { write_code(); return 0; }
static int callback(void *unused) { write_code(); return 0; }
static int unlisted(void *unused) { write_code(); return 0; }

__attribute__((used, section("__DATA_CONST,__pth_jit_func"))) static int (*const listed[])(void *) = {callback, 0};

static void run_in_handler(int unused) { run(); }

// What the handlers of fork are called in, a digit each.
static int order;
static void before_first(void) { order = 10 * order + 1; }
static void before_second(void) { order = 10 * order + 2; }
static void parent_first(void) { order = 10 * order + 3; }
static void parent_second(void) { order = 10 * order + 4; }
static void child_first(void) { order = 10 * order + 5; }

static int forks(void) {
  pthread_atfork(before_first, parent_first, child_first);
  pthread_atfork(before_second, parent_second, 0);
  int status = 0, child = fork();
  if (!child) _exit(order == 215 ? 42 : 1);
  waitpid(child, &status, 0);
  return order == 2134 ? status >> 8 : 2;
}

static int in_thread(void *(*function)(void *)) {
  void *thread, *result = 0;
  if (pthread_create(&thread, 0, function, 0)) return 98;
  pthread_join(thread, &result);
  return (int)(long)result;
}

static int map(int protection, int flags) {
  page = mmap(0, PAGE, protection, PRIVATE_ANON | flags, -1, 0);
  return page == (char *)-1 ? *__error() : 0;
}

int main(int argc, char **argv) {
  const char *how = argv[1];
#define IS(name) (!strcmp(how, name))
  if (IS("unknown")) return an_unknown_function();
  if (IS("84")) return 84;
  if (IS("null")) *(volatile int *)0 = 0;
  if (IS("abort")) abort();
  if (IS("both")) return map(R | W | X, 0);
  if (IS("seal") || IS("seal-unflushed")) {
    if (map(R | W, 0)) return 97;
    write_code();
    if (IS("seal")) flush();
    if (mprotect(page, PAGE, R | X)) return 96;
    return run();
  }
  if (IS("fork")) return forks();
  int error = map(R | W | X, JIT);
  if (error) return error;
  if (IS("mprotect")) return mprotect(page, PAGE, R | X) ? *__error() : 95;
  if (IS("callback") || IS("unlisted")) {
    pthread_jit_write_with_callback_np(IS("callback") ? callback : unlisted, 0);
    flush();
    return run();
  }
  if (!IS("no-toggle")) pthread_jit_write_protect_np(0);
  if (IS("leaked")) return in_thread(write_in_thread);
  if (IS("swapped")) flush();
  write_code();
  if (!IS("not-back")) pthread_jit_write_protect_np(1);
  if (!IS("no-flush") && !IS("swapped")) flush();
  if (IS("handler")) {
    signal(30, run_in_handler);
    pthread_jit_write_protect_np(0);
    raise(30);
  }
  return IS("thread") ? in_thread(run_in_thread) : run();
}

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
  return IS("thread") ? in_thread(run_in_thread) : run();
}

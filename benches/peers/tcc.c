// libtcc's linker as a program, for `cargo bench -p kiln --bench load`: see crates/corpus/src/peers.rs.
//
//     tcc TIMES SYMBOL FIRST SECOND OBJECT...
//
// links the objects TIMES times, calls SYMBOL(FIRST, SECOND) each time, and prints how many nanoseconds it took from the
// files to the answer, and the answer. (Debian's libtcc is no position-independent code, so the bench cannot load it.)

#include <libtcc.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

static void say(void *nothing, const char *message) {
  (void)nothing;
  fprintf(stderr, "tcc: %s\n", message);
}

static long long now(void) {
  struct timespec time;
  clock_gettime(CLOCK_MONOTONIC, &time);
  return time.tv_sec * 1000000000ll + time.tv_nsec;
}

int main(int count, char **words) {
  if (count < 6)
    return 2;
  for (int times = atoi(words[1]); times > 0; --times) {
    long long start = now();
    TCCState *state = tcc_new();
    tcc_set_error_func(state, NULL, say);
    int failed = tcc_set_output_type(state, TCC_OUTPUT_MEMORY) || tcc_add_library(state, "m");
    for (int index = 5; index < count && !failed; ++index)
      failed = tcc_add_file(state, words[index]);
    if (failed || tcc_relocate(state, TCC_RELOCATE_AUTO) != 0)
      return 1;
    unsigned long (*function)(unsigned long, unsigned long);
    *(void **)&function = tcc_get_symbol(state, words[2]);
    if (!function)
      return 1;
    unsigned long answer = function(strtoul(words[3], NULL, 10), strtoul(words[4], NULL, 10));
    printf("%lld %lu\n", now() - start, answer);
    tcc_delete(state);
  }
  return 0;
}

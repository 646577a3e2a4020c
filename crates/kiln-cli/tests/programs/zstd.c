// Compresses and expands a text at several levels, in one piece, as a stream, and with a dictionary that it trains.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zdict.h>
#include <zstd.h>

enum { SIZE = 300000 };

static char text[SIZE], packed[SIZE * 2], again[SIZE];

static long stream(int level) {
  ZSTD_CCtx *out = ZSTD_createCCtx();
  ZSTD_DCtx *in = ZSTD_createDCtx();
  ZSTD_CCtx_setParameter(out, ZSTD_c_compressionLevel, level);
  ZSTD_CCtx_setParameter(out, ZSTD_c_checksumFlag, 1);
  ZSTD_outBuffer to = {packed, sizeof packed, 0};
  ZSTD_inBuffer from = {text, 0, 0};
  while (from.size < SIZE) {
    from.size = from.size + 7777 < SIZE ? from.size + 7777 : SIZE;
    while (ZSTD_compressStream2(out, &to, &from, from.size == SIZE ? ZSTD_e_end : ZSTD_e_continue) != 0 &&
           (from.size == SIZE || from.pos < from.size))
      ;
  }
  ZSTD_outBuffer back = {again, SIZE, 0};
  ZSTD_inBuffer packs = {packed, to.pos, 0};
  size_t left = 1;
  while (packs.pos < packs.size && !ZSTD_isError(left))
    left = ZSTD_decompressStream(in, &back, &packs);
  ZSTD_freeCCtx(out);
  ZSTD_freeDCtx(in);
  return left == 0 && back.pos == SIZE && memcmp(text, again, SIZE) == 0 ? (long)to.pos : -1;
}

int main(void) {
  unsigned long state = 1;
  for (int i = 0; i < SIZE; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text[i] = "the quick brown fox jumps over a lazy dog\n"[(state >> 33) % 7 * 6 + i % 6];
  }
  printf("zstd %s\n", ZSTD_versionString());
  for (int level = 1; level <= 19; level += 6) {
    size_t size = ZSTD_compress(packed, sizeof packed, text, SIZE, level);
    size_t whole = ZSTD_decompress(again, SIZE, packed, size);
    printf("level %d: %zu, %d, stream %ld\n", level, size, whole == SIZE && memcmp(text, again, SIZE) == 0, stream(level));
  }
  static char dictionary[4000];
  static size_t samples[300];
  for (int i = 0; i < 300; ++i)
    samples[i] = 1000;
  size_t length = ZDICT_trainFromBuffer(dictionary, sizeof dictionary, text, samples, 300);
  ZSTD_CCtx *out = ZSTD_createCCtx();
  ZSTD_DCtx *in = ZSTD_createDCtx();
  size_t size = ZSTD_compress_usingDict(out, packed, sizeof packed, text, 1000, dictionary, length, 3);
  size_t whole = ZSTD_decompress_usingDict(in, again, SIZE, packed, size, dictionary, length);
  printf("dictionary: %s, %d\n", ZDICT_isError(length) ? ZDICT_getErrorName(length) : "trained",
         whole == 1000 && memcmp(text, again, 1000) == 0);
  ZSTD_freeCCtx(out);
  ZSTD_freeDCtx(in);
  size = ZSTD_compress(packed, sizeof packed, text, SIZE, 3);
  printf("%s\n", ZSTD_getErrorName(ZSTD_decompress(again, SIZE, packed, size - 1)));
  return 0;
}

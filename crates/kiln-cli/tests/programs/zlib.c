// Compresses and expands a text at several levels, in one piece and in small ones, and through a gzip file.

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <zlib.h>

enum { SIZE = 300000 };

static unsigned char text[SIZE], packed[2 * SIZE], again[SIZE];

static int round_trip(int level, unsigned piece) {
  z_stream out = {0}, in = {0};
  if (deflateInit(&out, level) != Z_OK || inflateInit(&in) != Z_OK)
    return -1;
  out.next_in = text;
  out.avail_in = SIZE;
  out.next_out = packed;
  int state;
  do {
    out.avail_out = piece;
    state = deflate(&out, Z_FINISH);
  } while (state == Z_OK || state == Z_BUF_ERROR);
  unsigned long size = out.total_out;
  in.next_in = packed;
  in.next_out = again;
  in.avail_out = SIZE;
  do {
    in.avail_in = size - in.total_in < piece ? size - in.total_in : piece;
    state = inflate(&in, Z_NO_FLUSH);
  } while (state == Z_OK);
  deflateEnd(&out);
  inflateEnd(&in);
  return state == Z_STREAM_END && in.total_out == SIZE && memcmp(text, again, SIZE) == 0 ? (int)size : -1;
}

int main(int count, char **words) {
  unsigned long state = 1;
  for (int i = 0; i < SIZE; ++i) {
    state = state * 6364136223846793005u + 1442695040888963407u;
    text[i] = "the quick brown fox jumps over a lazy dog\n"[(state >> 33) % 7 * 6 + i % 6];
  }
  printf("zlib %s\n", zlibVersion());
  for (int level = 0; level <= 9; level += 3)
    printf("level %d: %d, %d\n", level, round_trip(level, 2 * SIZE), round_trip(level, 1000));
  printf("crc %08lx, adler %08lx\n", crc32(0, text, SIZE), adler32(1, text, SIZE));
  if (count > 1) {
    gzFile file = gzopen(words[1], "wb9");
    gzprintf(file, "%d lines\n", 1);
    gzclose(file);
    char line[20];
    file = gzopen(words[1], "rb");
    printf("%s", gzgets(file, line, sizeof line));
    gzclose(file);
  }
  // A damaged stream is noticed.
  packed[100] ^= 1;
  unsigned long size = SIZE;
  printf("%s\n", zError(uncompress(again, &size, packed, 1000)));
  return 0;
}

// What the library's functions do, one line each; libsystem.rs has what they are to print.

#include <ctype.h>
#include <errno.h>
#include <fcntl.h>
#include <locale.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

static void show(const char *name) {
  char line[100];
  FILE *file = fopen(name, "r");
  printf("%s\n", fgets(line, sizeof line, file));
  fclose(file);
}

static void positions(void) {
  FILE *file = fopen("file", "w+");
  fputs("0123456789", file);
  fseek(file, 5, SEEK_SET);
  int first = fgetc(file) - '0';
  fseek(file, -1, SEEK_CUR);
  long at = ftell(file);
  char two[3] = {0};
  fread(two, 1, 2, file);
  at = at * 10 + ftell(file) - 1;
  fseeko(file, -3, SEEK_END);
  long end = ftello(file);
  rewind(file);
  char three[4] = {0};
  fread(three, 1, 3, file);
  printf("seek: %d %d %ld %ld %s\n", first, two[0] - '0', at, end, three);
  // The two that are put back come first, and the position is as many in front.
  fseek(file, 6, SEEK_SET);
  ungetc('y', file);
  ungetc('x', file);
  char back[5] = {0};
  fread(back, 1, 4, file);
  char rest[3] = {0};
  fseek(file, 1, SEEK_SET);
  fread(rest, 1, 2, file);
  printf("back: %s %s\n", back, rest);
  fclose(file);
  file = fopen("file", "a");
  fputs("end", file);
  fclose(file);
  printf("append: ");
  show("file");

  file = fopen("file", "r");
  fseek(file, 0, SEEK_END);
  int before = fgetc(file) == EOF && feof(file);
  clearerr(file);
  int after = feof(file);
  fseek(file, 10, SEEK_SET);
  int again = !feof(file) && fgetc(file) == 'e';
  char three_more[4];
  rewind(file);
  printf("end: %d %d %d %zu\n", before, after, again, fread(three_more, 1, 3, file));
  rewind(file);
  // Of elements of 5 bytes there are two, and 3 bytes of a third, which are read too.
  char elements[15];
  fseek(file, 0, SEEK_SET);
  size_t whole = fread(elements, 5, 3, file);
  fseek(file, -3, SEEK_CUR);
  printf("part: %zu of 3, at %ld\n", whole, ftell(file));
  fclose(file);
  errno = 0;
  if (!fopen("file", "wx"))
    printf("exclusive: %d\n", errno);
}

static void other_files(void) {
  FILE *file = fopen("file", "w");
  FILE *same = freopen("other", "w", file);
  fputs("written to the stream", same);
  fclose(same);
  printf("reopened: ");
  if (same == file)
    show("other");
  char name[] = "./temporary.XXXXXX";
  int fd = mkstemp(name);
  int made = fd >= 0 && !strstr(name, "XXXXXX") && access(name, R_OK) == 0;
  unlink(name);
  close(fd);
  file = tmpfile();
  fputs("there", file);
  long length = ftell(file);
  rewind(file);
  char line[10];
  printf("temporary: %d %d %ld %s\n", made, file != 0, length, fgets(line, sizeof line, file));
  fclose(file);
}

static void locales(void) {
  struct lconv *c = localeconv();
  const char *other = setlocale(LC_ALL, "de_DE.UTF-8");
  printf("locale: %s %s %s %s [%s] %d\n", setlocale(LC_ALL, 0), setlocale(LC_NUMERIC, ""), other ? other : "null",
         c->decimal_point, c->others[0], c->numbers[0]);
  printf("case: %d %d %d %d\n", isgraph(' '), isgraph('!'), isblank('\n'), isblank('\t'));
}

static void dates(void) {
  time_t billion = 1000000000;
  struct tm date, *utc = gmtime_r(&billion, &date);
  printf("utc: %d-%02d-%02d %02d:%02d:%02d day %d, weekday %d, offset %ld %s\n", 1900 + utc->tm_year, utc->tm_mon + 1,
         utc->tm_mday, utc->tm_hour, utc->tm_min, utc->tm_sec, utc->tm_yday + 1, utc->tm_wday, utc->tm_gmtoff,
         strcmp(utc->tm_zone, "GMT") ? utc->tm_zone : "UTC");
  struct tm local = {.tm_year = 100, .tm_mon = 0, .tm_mday = 2, .tm_hour = 3, .tm_min = 4, .tm_sec = 5, .tm_isdst = -1};
  time_t time = mktime(&local);
  char text[100];
  strftime(text, sizeof text, "%Y-%m-%d %H:%M:%S %z %Z", localtime(&time));
  printf("local: %s, weekday %d, %ld\n", text, local.tm_wday, time);
  // The thirtieth of February.
  struct tm odd = {.tm_year = 100, .tm_mon = 1, .tm_mday = 30, .tm_isdst = -1};
  time = mktime(&odd);
  strftime(text, sizeof text, "%Y-%m-%d", &odd);
  printf("normal: %s, %ld\n", text, time);
  strftime(text, sizeof text, "%A %d %B %Y|%d|%y|%p|%c|%V|%%", &local);
  printf("format: %s\n", text);
  size_t room = strftime(text, 4, "%Y", &local), exact = strftime(text, 5, "%Y", &local);
  printf("no room: %zu, exactly: %zu\n", room, exact);
  printf("difference: %.1f\n", difftime(1, 6) / 2);
  clock_t start = clock();
  while (clock() == start)
    ;
  printf("clock: %s\n", clock() > start ? "runs" : "stands");
}

static void *locks(void *file) {
  flockfile(file);
  funlockfile(file);
  return (void *)1;
}

static void commands(void) {
  setenv("KILN_WORD", "there", 1);
  fflush(stdout);
  int status = system("printf 'system: '; exit 3");
  printf("%d %s, shell %d\n", status >> 8, getenv("KILN_WORD"), system(0));
  char line[20];
  FILE *command = popen("echo one two; exit 4", "r");
  fgets(line, sizeof line, command);
  line[strlen(line) - 1] = 0;
  printf("reads: %s, status %d\n", line, pclose(command) >> 8);
  fflush(stdout);
  command = popen("read word; printf 'writes: %s' $word", "w");
  fputs("HELLO\n", command);
  status = pclose(command);
  printf(", status %d\n", status);
  // Twice by who has it; another one waits.
  pthread_t other;
  void *result = 0;
  flockfile(stdout);
  flockfile(stdout);
  pthread_create(&other, 0, locks, stdout);
  usleep(1000);
  funlockfile(stdout);
  funlockfile(stdout);
  pthread_join(other, &result);
  printf("lock: %ld\n", (long)result);
}

int main(void) {
  positions();
  other_files();
  locales();
  dates();
  commands();
  return 0;
}

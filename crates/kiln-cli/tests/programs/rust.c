int rust_main(int number);

int main(int count, char **words) {
  (void)words;
  return rust_main(count + 2);
}

//! The programs that are compiled, written by a program: nobody counts `>` by hand.

/// What the others leave out: searches both ways, a tape that ends nowhere, sums and products, input.
pub(crate) const CORNERS: &str = "
    +>++>+++>>++++<<<<[>]>[<]<<[<]>.[>]+++++++++++++++++++++++++++++++++++.
    <<<[>+<-]>[-<<+>>]<<.[->>>>++++<<<<]>>>>.,[.,]>+[>+<+++++]>.[[-]>]<[.<]";
pub(crate) const CORNERS_WRITE: &[u8] = b"\x01#\x03/some input\xff";

/// Writes programs: cells by number instead of `<` and `>`.
struct Writer {
    text: String,
    at: usize,
    /// A cell for copying.
    between: usize,
}

impl Writer {
    fn new(between: usize) -> Writer {
        Writer { text: String::new(), at: 0, between }
    }

    fn go(&mut self, cell: usize) {
        let (step, count) = if cell < self.at { ("<", self.at - cell) } else { (">", cell - self.at) };
        self.text += &step.repeat(count);
        self.at = cell;
    }

    fn add(&mut self, cell: usize, number: i32) {
        self.go(cell);
        self.text += &(if number < 0 { "-" } else { "+" }).repeat(number.unsigned_abs() as usize);
    }

    fn set(&mut self, cell: usize, number: i32) {
        self.go(cell);
        self.text += "[-]";
        self.add(cell, number);
    }

    fn write(&mut self, cell: usize) {
        self.go(cell);
        self.text += ".";
    }

    /// As long as a cell is not 0.
    fn repeat(&mut self, cell: usize, body: impl FnOnce(&mut Writer)) {
        self.go(cell);
        self.text += "[";
        body(self);
        self.go(cell);
        self.text += "]";
    }

    fn copy(&mut self, from: usize, to: usize) {
        self.set(to, 0);
        self.sum(from, to);
    }

    /// Adds a cell to another one.
    fn sum(&mut self, from: usize, to: usize) {
        let between = self.between;
        self.repeat(from, |w| [(from, -1), (to, 1), (between, 1)].into_iter().for_each(|(cell, by)| w.add(cell, by)));
        self.repeat(between, |w| [(between, -1), (from, 1)].into_iter().for_each(|(cell, by)| w.add(cell, by)));
    }

    /// If a cell is 0, which it is afterwards.
    fn unless(&mut self, cell: usize, body: impl FnOnce(&mut Writer)) {
        let no = cell + 16;
        self.set(no, 1);
        self.repeat(cell, |w| (w.set(cell, 0), w.add(no, -1)).1);
        self.repeat(no, |w| (w.add(no, -1), body(w)).1);
    }
}

/// The primes up to `limit`, which is at most 255, each by division by all that is less.
pub(crate) fn primes(limit: i32) -> String {
    let [number, left, divisor, divisors, composite, x, y, z, hundreds, tens, ones] = std::array::from_fn(|cell| cell);
    let mut w = Writer::new(15);
    w.add(number, 1);
    w.add(left, limit - 1);
    w.repeat(left, |w| {
        w.add(left, -1);
        w.add(number, 1);
        w.set(divisor, 2);
        w.copy(number, divisors);
        w.add(divisors, -2);
        w.set(composite, 0);
        w.repeat(divisors, |w| {
            w.add(divisors, -1);
            // Counts the number down, and begins anew at each multiple of the divisor: is the last one the number?
            w.copy(number, x);
            w.copy(divisor, y);
            w.repeat(x, |w| {
                w.add(x, -1);
                w.add(y, -1);
                w.copy(y, z);
                w.unless(z, |w| w.copy(divisor, y));
            });
            w.copy(divisor, z);
            w.repeat(y, |w| (w.add(y, -1), w.add(z, -1)).1);
            w.unless(z, |w| w.set(composite, 1));
            w.add(divisor, 1);
        });
        w.unless(composite, |w| {
            [hundreds, tens, ones].into_iter().for_each(|digit| w.set(digit, 0));
            w.copy(number, x);
            w.repeat(x, |w| {
                w.add(x, -1);
                w.add(ones, 1);
                w.copy(ones, z);
                w.add(z, -10);
                w.unless(z, |w| {
                    w.set(ones, 0);
                    w.add(tens, 1);
                    w.copy(tens, y);
                    w.add(y, -10);
                    w.unless(y, |w| (w.set(tens, 0), w.add(hundreds, 1)).1);
                });
            });
            for digit in [hundreds, tens, ones] {
                w.add(digit, i32::from(b'0'));
            }
            // Zeros in front are left out.
            w.copy(hundreds, x);
            w.add(x, -i32::from(b'0'));
            w.copy(tens, z);
            w.add(z, -i32::from(b'0'));
            w.repeat(x, |w| (w.add(x, -1), w.set(y, 1), w.set(z, 1), w.set(x, 0)).3);
            w.repeat(y, |w| (w.set(y, 0), w.write(hundreds)).1);
            w.repeat(z, |w| (w.set(z, 0), w.write(tens)).1);
            w.write(ones);
            w.set(x, i32::from(b' '));
            w.write(x);
        });
    });
    w.set(x, i32::from(b'\n'));
    w.write(x);
    w.text
}

impl Writer {
    /// If a cell is 0, which stays as it is. The two cells behind it are 0, before and afterwards.
    fn if_0(&mut self, cell: usize, body: impl FnOnce(&mut Writer)) {
        let (flag, end) = (cell + 1, cell + 2);
        self.add(flag, 1);
        self.go(cell);
        // To the flag if the cell is 0; else the flag is taken back, and this goes one further.
        self.text += "[>-]>[-";
        self.at = flag;
        body(self);
        self.go(end);
        self.text += "]";
    }

    /// One less of `less`, or one more of `more` where nothing is left of it.
    fn less_or_more(&mut self, less: usize, more: usize) {
        self.if_0(less, |w| (w.add(less, 1), w.add(more, 1)).1);
        self.add(less, -1);
    }
}

/// The Mandelbrot set, in fixed point: a number is a multiple of 1/32.
pub(crate) struct Picture {
    columns: u8,
    rows: u8,
    /// How far columns lie from each other.
    across: u8,
    /// How far rows do.
    down: u8,
    /// How often a point is squared and added before it counts as one of the set.
    rounds: u8,
}

/// The left end is -2, as a multiple of 1/32 without its sign.
const LEFT: u8 = 64;
/// So much is 2, and so much is its square.
const TWO: u8 = 64;
const FOUR: u8 = 128;
const ONE: u8 = 32;

impl Picture {
    pub(crate) const LARGE: Picture = Picture { columns: 41, rows: 19, across: 2, down: 4, rounds: 15 };
    pub(crate) const SMALL: Picture = Picture { columns: 11, rows: 5, across: 8, down: 18, rounds: 8 };

    fn top(&self) -> u8 {
        self.rows / 2 * self.down
    }

    /// What the program is to write, by arithmetic that Brainf*** has not.
    pub(crate) fn drawn(&self) -> String {
        let part = |a: i32, b: i32, of: u8| a.abs() * b.abs() / i32::from(of);
        let mut text = String::new();
        for row in 0..i32::from(self.rows) {
            for column in 0..i32::from(self.columns) {
                let c = (
                    column * i32::from(self.across) - i32::from(LEFT),
                    i32::from(self.top()) - row * i32::from(self.down),
                );
                let (mut x, mut y, mut rounds) = (0i32, 0i32, 0);
                let escaped = loop {
                    if rounds == self.rounds {
                        break false;
                    }
                    let (xx, yy) = (part(x, x, ONE), part(y, y, ONE));
                    if x.abs() >= i32::from(TWO) || y.abs() >= i32::from(TWO) || xx + yy >= i32::from(FOUR) {
                        break true;
                    }
                    let xy = part(x, y, ONE / 2) * x.signum() * y.signum();
                    (x, y) = (xx - yy + c.0, xy + c.1);
                    rounds += 1;
                };
                text.push(if escaped { char::from(b'A' + rounds) } else { ' ' });
            }
            text.push('\n');
        }
        text
    }

    pub(crate) fn program(&self) -> String {
        // Each with two cells behind it; numbers with a sign are two, of which one is 0 or the other is subtracted.
        let [
            rows,
            columns,
            c_right,
            c_left,
            c_up,
            c_down,
            left,
            rounds,
            escaped,
            x,
            x_minus,
            y,
            y_minus,
            xx,
            yy,
            xy,
            plus,
            minus, //
            test,
            limit,
            i,
            j,
            rest,
            between,
        ] = std::array::from_fn(|number| 3 * number);
        let mut w = Writer::new(between);

        // What `a` times `b` is, in parts of `of`.
        let times = |w: &mut Writer, a, b, of: u8, product| {
            w.set(product, 0);
            w.set(rest, of.into());
            w.copy(a, i);
            w.repeat(i, |w| {
                w.add(i, -1);
                w.copy(b, j);
                w.repeat(j, |w| {
                    w.add(j, -1);
                    w.add(rest, -1);
                    w.if_0(rest, |w| (w.add(rest, of.into()), w.add(product, 1)).1);
                });
            });
        };
        // One more of `flag`, if a number is at least `least`.
        let at_least = |w: &mut Writer, number, least: u8, flag| {
            w.copy(number, test);
            w.set(limit, least.into());
            w.add(flag, 1);
            w.repeat(limit, |w| {
                w.add(limit, -1);
                w.if_0(test, |w| (w.add(test, 1), w.add(flag, -1), w.set(limit, 0)).2);
                w.add(test, -1);
            });
        };
        // `plus` without `minus`: how much, and whether it is less than nothing.
        let difference = |w: &mut Writer, number, sign| {
            w.set(number, 0);
            w.set(sign, 0);
            w.repeat(plus, |w| (w.add(plus, -1), w.less_or_more(minus, number)).1);
            w.repeat(minus, |w| (w.add(minus, -1), w.add(number, 1), w.set(sign, 1)).2);
        };

        w.add(c_up, self.top().into());
        w.add(rows, self.rows.into());
        w.repeat(rows, |w| {
            w.add(rows, -1);
            w.set(c_right, 0);
            w.set(c_left, LEFT.into());
            w.add(columns, self.columns.into());
            w.repeat(columns, |w| {
                w.add(columns, -1);
                for cell in [rounds, escaped, x, x_minus, y, y_minus] {
                    w.set(cell, 0);
                }
                w.set(left, self.rounds.into());
                w.repeat(left, |w| {
                    w.add(left, -1);
                    at_least(w, x, TWO, escaped);
                    at_least(w, y, TWO, escaped);
                    w.if_0(escaped, |w| {
                        times(w, x, x, ONE, xx);
                        times(w, y, y, ONE, yy);
                        w.copy(xx, plus);
                        w.sum(yy, plus);
                        at_least(w, plus, FOUR, escaped);
                    });
                    w.if_0(escaped, |w| {
                        w.add(rounds, 1);
                        times(w, x, y, ONE / 2, xy);
                        w.copy(c_up, plus);
                        w.copy(c_down, minus);
                        // Of different signs: 1 of them is set.
                        w.copy(x_minus, test);
                        w.sum(y_minus, test);
                        w.add(test, -1);
                        w.if_0(test, |w| (w.sum(xy, minus), w.set(xy, 0)).1);
                        w.sum(xy, plus);
                        difference(w, y, y_minus);
                        w.copy(xx, plus);
                        w.sum(c_right, plus);
                        w.copy(yy, minus);
                        w.sum(c_left, minus);
                        difference(w, x, x_minus);
                    });
                    w.copy(escaped, test);
                    w.repeat(test, |w| (w.set(test, 0), w.set(left, 0)).1);
                });
                w.set(test, b'A'.into());
                w.sum(rounds, test);
                w.if_0(escaped, |w| w.set(test, b' '.into()));
                w.write(test);
                (0..self.across).for_each(|_| w.less_or_more(c_left, c_right));
            });
            w.set(test, b'\n'.into());
            w.write(test);
            (0..self.down).for_each(|_| w.less_or_more(c_up, c_down));
        });
        w.text
    }
}

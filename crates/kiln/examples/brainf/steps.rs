//! The compiler's middle: from the text to steps, which the machine code and the interpreter share.

/// The tape is a ring of as many cells as an `i16` has values: no program can leave it, and a distance on it is an `i16`.
pub(crate) const TAPE: usize = 1 << 16;

/// A step of the program. `at` is a cell's distance from the place on the tape.
#[derive(Clone, Copy, PartialEq, Debug)]
pub(crate) enum Step {
    Move(i16),
    Add {
        at: i16,
        by: u8,
    },
    Set {
        at: i16,
        to: u8,
    },
    /// Adds so many times the cell at `from` to the one at `to`.
    AddTimes {
        from: i16,
        to: i16,
        times: u8,
    },
    Write {
        at: i16,
    },
    Read {
        at: i16,
    },
    /// Moves by so much until the cell is 0: `[>]`.
    Scan(i16),
    /// To the step behind the loop's end, if the cell is 0.
    Begin,
    /// Back to the step behind the loop's beginning, if the cell is not 0.
    End,
    /// The end of a loop that has just set its cell to 0: it goes on in any case.
    EndOnce,
}

/// Steps between which nothing jumps, or loops that are already done with.
#[derive(Default)]
struct Block {
    steps: Vec<Step>,
    /// From here on there are only steps that stay where they are.
    straight: usize,
    /// How far the place is from where the steps have left it: moves are put off, and what is done meanwhile says where.
    place: i16,
}

impl Block {
    /// The last step, if it is the last one that has to do with the cell at `at`, among those that may be changed.
    fn last_of(&mut self, at: i16) -> Option<&mut Step> {
        let found = self.steps[self.straight..].iter().rposition(|step| match *step {
            Step::Add { at: cell, .. }
            | Step::Set { at: cell, .. }
            | Step::Write { at: cell }
            | Step::Read { at: cell } => cell == at,
            Step::AddTimes { from, to, .. } => from == at || to == at,
            _ => true,
        });
        found.map(|found| &mut self.steps[self.straight + found])
    }

    fn add(&mut self, at: i16, by: u8) {
        match self.last_of(at) {
            Some(Step::Add { at: cell, by: sum } | Step::Set { at: cell, to: sum }) if *cell == at => {
                *sum = sum.wrapping_add(by);
            }
            _ => self.steps.push(Step::Add { at, by }),
        }
    }

    fn set_to_0(&mut self, at: i16) {
        match self.last_of(at) {
            Some(last @ (Step::Add { .. } | Step::Set { .. })) => *last = Step::Set { at, to: 0 },
            _ => self.steps.push(Step::Set { at, to: 0 }),
        }
    }

    /// Goes where the place is.
    fn go(&mut self) {
        if self.place != 0 {
            self.steps.push(Step::Move(self.place));
        }
        self.place = 0;
        self.straight = self.steps.len();
    }

    /// What a loop comes to: one step if it only searches, sums if it counts its cell to 0 and adds to others meanwhile (`[-]`,
    /// `[->+++>+<<]`), else itself.
    fn repeat(&mut self, body: Block) {
        let here = self.place;
        let only_adds = body.place == 0 && body.steps.iter().all(|step| matches!(step, Step::Add { .. }));
        // How often the loop runs is the cell, or what it lacks to 256.
        let counts = body.steps.iter().find_map(|step| match *step {
            Step::Add { at: 0, by: by @ (1 | 255) } if only_adds => Some(by),
            _ => None,
        });
        if let Some(by) = counts {
            for step in body.steps {
                if let Step::Add { at, by: more } = step
                    && at != 0
                {
                    let times = if by == 255 { more } else { more.wrapping_neg() };
                    self.steps.push(Step::AddTimes { from: here, to: here.wrapping_add(at), times });
                }
            }
            self.set_to_0(here);
            return;
        }
        self.go();
        if body.steps.is_empty() && body.place != 0 {
            self.steps.push(Step::Scan(body.place));
        } else {
            let end = body.place;
            let last = body.steps[body.straight..].iter().rfind(|step| match **step {
                Step::Add { at, .. } | Step::Set { at, .. } | Step::Read { at } => at == end,
                Step::AddTimes { to, .. } => to == end,
                _ => false,
            });
            let zero = last == Some(&Step::Set { at: end, to: 0 });
            self.steps.push(Step::Begin);
            let mut body = body;
            body.go();
            self.steps.append(&mut body.steps);
            self.steps.push(if zero { Step::EndOnce } else { Step::End });
        }
        self.straight = self.steps.len();
    }
}

pub(crate) fn steps(text: &[u8]) -> Result<Vec<Step>, String> {
    let mut open = Vec::new();
    let mut block = Block::default();
    for byte in text {
        let at = block.place;
        match byte {
            b'>' => block.place = at.wrapping_add(1),
            b'<' => block.place = at.wrapping_sub(1),
            b'+' => block.add(at, 1),
            b'-' => block.add(at, 255),
            b'.' => block.steps.push(Step::Write { at }),
            b',' => block.steps.push(Step::Read { at }),
            b'[' => open.push(std::mem::take(&mut block)),
            b']' => {
                let before = open.pop().ok_or("a `]` without its `[`")?;
                let body = std::mem::replace(&mut block, before);
                block.repeat(body);
            }
            _ => {}
        }
    }
    if open.is_empty() { Ok(block.steps) } else { Err("a `[` without its `]`".into()) }
}

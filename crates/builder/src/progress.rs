//! What a build tells while it runs.

/// One piece of a builder's output.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Progress {
    /// A step of the Dockerfile begins.
    Step { number: u32, total: u32, instruction: String },
    /// A line of output, of the builder or of a command in the build.
    Line(String),
}

impl Progress {
    /// Understands the builders' own forms: `STEP 2/5: RUN make` (buildah, podman) and
    /// `#8 [build 2/5] RUN make` (BuildKit's plain progress).
    pub(crate) fn of_line(line: &str) -> Self {
        step(line).unwrap_or_else(|| Self::Line(line.to_owned()))
    }
}

fn step(line: &str) -> Option<Progress> {
    // buildah puts `[1/2] ` before the steps of a stage of several.
    let bare = line.strip_prefix('[').and_then(|rest| rest.split_once("] ")).map_or(line, |(_, rest)| rest);
    let (count, instruction) = match bare.strip_prefix("STEP ") {
        Some(rest) => rest.split_once(": ")?,
        None => {
            let (_, rest) = line.strip_prefix('#')?.split_once(" [")?;
            let (place, instruction) = rest.split_once("] ")?;
            (place.rsplit(' ').next()?, instruction)
        }
    };
    let (number, total) = count.split_once('/')?;
    Some(Progress::Step {
        number: number.trim().parse().ok()?,
        total: total.trim().parse().ok()?,
        instruction: instruction.to_owned(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(line: &str) -> Option<(u32, u32, String)> {
        match Progress::of_line(line) {
            Progress::Step { number, total, instruction } => Some((number, total, instruction)),
            Progress::Line(_) => None,
        }
    }

    #[test]
    fn steps_of_each_builder_are_understood() {
        let run = |n, total| Some((n, total, "RUN make".to_owned()));
        assert_eq!(read("STEP 2/5: RUN make"), run(2, 5));
        assert_eq!(read("[1/2] STEP 2/5: RUN make"), run(2, 5));
        assert_eq!(read("#8 [build 2/5] RUN make"), run(2, 5));
        assert_eq!(read("#8 [3/5] RUN make"), run(3, 5));
        for line in ["#8 DONE 0.1s", "#1 [internal] load build definition", "gcc -o a a.c", "STEP x/y: z"] {
            assert_eq!(read(line), None, "{line}");
        }
    }
}

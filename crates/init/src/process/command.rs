//! What to run, with the environment that Docker would give it.

use std::collections::BTreeMap;

use super::Identity;

/// Docker's, for images that set none.
const DEFAULT_PATH: &str = "/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin";

/// A process to be started.
#[derive(Debug, Clone)]
pub struct Command {
    /// Program and arguments; a program without `/` is looked up in PATH.
    pub argv: Vec<String>,
    pub env: BTreeMap<String, String>,
    /// `user[:group]`; empty means root.
    pub user: String,
    /// Made if it is missing; empty means `/`.
    pub working_dir: String,
}

impl Command {
    /// The environment: what was asked for, over what every process has.
    pub fn environment(&self, identity: &Identity, hostname: &str, has_terminal: bool) -> Vec<String> {
        let mut env = BTreeMap::from([
            ("PATH".to_owned(), DEFAULT_PATH.to_owned()),
            ("HOSTNAME".to_owned(), hostname.to_owned()),
            ("HOME".to_owned(), identity.home.clone()),
        ]);
        if has_terminal {
            env.insert("TERM".to_owned(), "xterm".to_owned());
        }
        env.extend(self.env.clone());
        env.into_iter().map(|(name, value)| format!("{name}={value}")).collect()
    }

    /// Where to look for the program, in order.
    pub fn candidates(&self) -> Vec<String> {
        let program = self.argv.first().map(String::as_str).unwrap_or_default();
        if program.contains('/') {
            return vec![program.to_owned()];
        }
        let path = self.env.get("PATH").map(String::as_str).unwrap_or(DEFAULT_PATH);
        path.split(':')
            // POSIX: an empty element is the working directory.
            .map(|folder| if folder.is_empty() { "." } else { folder })
            .map(|folder| format!("{folder}/{program}"))
            .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn command(program: &str, env: &[(&str, &str)]) -> Command {
        let env = env.iter().map(|(name, value)| (name.to_string(), value.to_string())).collect();
        Command { argv: vec![program.into()], env, user: String::new(), working_dir: String::new() }
    }

    #[test]
    fn a_program_is_looked_up_in_its_own_path() {
        let path = [("PATH", "/a::/b")];
        assert_eq!(command("run", &path).candidates(), ["/a/run", "./run", "/b/run"]);
        assert_eq!(command("./run", &path).candidates(), ["./run"]);
        assert_eq!(command("run", &[]).candidates().len(), 6);
    }

    #[test]
    fn what_was_asked_for_wins_over_what_every_process_has() {
        let root = Identity { uid: 0, gid: 0, groups: vec![], home: "/root".into() };
        let env = command("run", &[("HOME", "/app"), ("A", "b")]).environment(&root, "box", true);
        assert!(env.contains(&"HOME=/app".into()) && env.contains(&"A=b".into()));
        assert!(env.contains(&"HOSTNAME=box".into()) && env.contains(&"TERM=xterm".into()));
        assert!(env.iter().any(|entry| entry.starts_with("PATH=/usr/local/sbin:")));
    }
}

//! Who a process runs as: Docker's `user[:group]`, resolved against the image's own files.

use std::fs;

use crate::{Error, Result};

/// Numbers for the kernel and the home for the environment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Identity {
    pub uid: u32,
    pub gid: u32,
    /// Supplementary groups.
    pub groups: Vec<u32>,
    pub home: String,
}

/// The texts of `/etc/passwd` and `/etc/group`; empty where an image has none.
#[derive(Debug, Default)]
pub struct Passwd {
    pub passwd: String,
    pub group: String,
}

struct User<'a> {
    name: &'a str,
    uid: u32,
    gid: u32,
    home: &'a str,
}

struct Group<'a> {
    name: &'a str,
    gid: u32,
    members: Vec<&'a str>,
}

impl Passwd {
    /// Reads the files below the current root.
    pub fn read() -> Passwd {
        let text = |path| String::from_utf8_lossy(&fs::read(path).unwrap_or_default()).into_owned();
        Passwd { passwd: text("/etc/passwd"), group: text("/etc/group") }
    }

    /// Resolves `user[:group]`; empty means root. A number needs no entry in the files, a name does.
    /// Supplementary groups are the user's, unless a group is named.
    pub fn resolve(&self, spec: &str) -> Result<Identity> {
        let (user, group) = match spec.split_once(':') {
            Some((user, group)) => (user, Some(group).filter(|group| !group.is_empty())),
            None => (spec, None),
        };
        let user = if user.is_empty() { "0" } else { user };
        let found = self.users().find(|entry| entry.name == user).or_else(|| {
            let uid = user.parse::<u32>().ok()?;
            self.users().find(|entry| entry.uid == uid)
        });
        let (uid, default_gid, name, home) = match (found, user.parse::<u32>()) {
            (Some(entry), _) => (entry.uid, entry.gid, Some(entry.name), entry.home),
            (None, Ok(uid)) => (uid, 0, None, "/"),
            (None, Err(_)) => {
                return Err(Error::new(format!("the image has no user {user} in /etc/passwd")));
            }
        };
        let gid = group.map_or(Ok(default_gid), |group| self.gid(group))?;
        let groups = match (group, name) {
            (None, Some(name)) => {
                self.groups().filter(|group| group.members.contains(&name)).map(|group| group.gid).collect()
            }
            _ => Vec::new(),
        };
        let home = if home.is_empty() { "/" } else { home }.to_owned();
        Ok(Identity { uid, gid, groups, home })
    }

    fn gid(&self, group: &str) -> Result<u32> {
        let named = self.groups().find(|entry| entry.name == group).map(|entry| entry.gid);
        named
            .or_else(|| group.parse().ok())
            .ok_or_else(|| Error::new(format!("the image has no group {group} in /etc/group")))
    }

    fn users(&self) -> impl Iterator<Item = User<'_>> {
        self.passwd.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let uid = fields.nth(1)?.parse().ok()?;
            let gid = fields.next()?.parse().ok()?;
            Some(User { name, uid, gid, home: fields.nth(1).unwrap_or_default() })
        })
    }

    fn groups(&self) -> impl Iterator<Item = Group<'_>> {
        self.group.lines().filter_map(|line| {
            let mut fields = line.split(':');
            let name = fields.next()?;
            let gid = fields.nth(1)?.parse().ok()?;
            let members = fields.next().unwrap_or_default().split(',').collect();
            Some(Group { name, gid, members })
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn image() -> Passwd {
        Passwd {
            passwd: "root:x:0:0:root:/root:/bin/sh\nbroken line\nweb:x:33:34::/var/www:/bin/false\n\
                     1001:x:77:78::/odd:/bin/sh\n"
                .into(),
            group: "root:x:0:\nweb:x:34:\nssl:x:50:web,db\nlogs:x:51:db,web\n".into(),
        }
    }

    fn resolved(spec: &str) -> (u32, u32, Vec<u32>, String) {
        let Identity { uid, gid, groups, home } = image().resolve(spec).unwrap();
        (uid, gid, groups, home)
    }

    #[test]
    fn users_and_groups_resolve_as_docker_does() {
        assert_eq!(resolved(""), (0, 0, vec![], "/root".into()));
        assert_eq!(resolved("web"), (33, 34, vec![50, 51], "/var/www".into()));
        assert_eq!(resolved("33"), (33, 34, vec![50, 51], "/var/www".into()));
        assert_eq!(resolved("web:ssl"), (33, 50, vec![], "/var/www".into()));
        assert_eq!(resolved("web:1234"), (33, 1234, vec![], "/var/www".into()));
        assert_eq!(resolved("4000"), (4000, 0, vec![], "/".into()));
        assert_eq!(resolved("4000:50"), (4000, 50, vec![], "/".into()));
        assert_eq!(resolved(":ssl"), (0, 50, vec![], "/root".into()));
        assert_eq!(resolved("1001").0, 77, "a name that looks like a number wins");
    }

    #[test]
    fn unknown_names_are_errors_that_say_where_they_are_missing() {
        let user = image().resolve("nobody").unwrap_err().to_string();
        assert!(user.contains("nobody") && user.contains("/etc/passwd"));
        let group = image().resolve("web:nogroup").unwrap_err().to_string();
        assert!(group.contains("nogroup") && group.contains("/etc/group"));
        assert!(Passwd::default().resolve("0").is_ok());
    }
}

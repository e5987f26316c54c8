//! Where this host keeps each cgroup controller.

use std::{
    fs, io,
    path::{Path, PathBuf},
};

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Controller {
    Cpu,
    Memory,
    Pids,
}

impl Controller {
    pub const ALL: [Self; 3] = [Self::Cpu, Self::Memory, Self::Pids];

    pub fn name(self) -> &'static str {
        match self {
            Self::Cpu => "cpu",
            Self::Memory => "memory",
            Self::Pids => "pids",
        }
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Version {
    V1,
    V2,
}

/// For each controller the mount point of its hierarchy.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Hierarchies {
    places: [Option<(Version, PathBuf)>; 3],
}

impl Hierarchies {
    pub fn find() -> io::Result<Self> {
        let mounts = fs::read_to_string("/proc/self/mountinfo")?;
        Ok(Self::from_mounts(&mounts, |v2| {
            fs::read_to_string(v2.join("cgroup.controllers")).unwrap_or_default()
        }))
    }

    /// `mounts` as in `/proc/self/mountinfo` (proc(5)); `controllers` reads a v2 root's list.
    fn from_mounts(mounts: &str, controllers: impl Fn(&Path) -> String) -> Self {
        let mut places = [None, None, None];
        for (kind, point, options) in mounts.lines().filter_map(parse_mount) {
            let (version, names) = match kind {
                "cgroup" => (Version::V1, options.replace(',', " ")),
                "cgroup2" => (Version::V2, controllers(Path::new(point))),
                _ => continue,
            };
            for controller in Controller::ALL {
                let place = &mut places[controller as usize];
                if place.is_none() && names.split_whitespace().any(|name| name == controller.name()) {
                    *place = Some((version, PathBuf::from(point)));
                }
            }
        }
        Self { places }
    }

    /// Controllers that no hierarchy offers.
    pub fn missing(&self) -> impl Iterator<Item = Controller> {
        Controller::ALL.into_iter().filter(|c| self.places[*c as usize].is_none())
    }

    pub fn version(&self, controller: Controller) -> Version {
        self.place(controller).0
    }

    pub fn root(&self, controller: Controller) -> &Path {
        &self.place(controller).1
    }

    /// Each hierarchy's mount point once.
    pub fn roots(&self) -> impl Iterator<Item = &Path> {
        let all = || self.places.iter().flatten().map(|(_, root)| root.as_path());
        all().enumerate().filter(move |(i, root)| !all().take(*i).any(|r| r == *root)).map(|(_, root)| root)
    }

    /// Makes a group in every hierarchy; on v2 its ancestors pass the controllers down.
    pub fn make(&self, group: &Path) -> io::Result<()> {
        for root in self.roots() {
            fs::create_dir_all(root.join(group))?;
        }
        let v2 = || Controller::ALL.into_iter().filter(|c| self.version(*c) == Version::V2);
        for controller in v2() {
            let root = self.root(controller);
            let mut dirs: Vec<_> = group.ancestors().skip(1).map(|dir| root.join(dir)).collect();
            dirs.reverse();
            for dir in dirs {
                fs::write(dir.join("cgroup.subtree_control"), format!("+{}", controller.name()))?;
            }
        }
        Ok(())
    }

    fn place(&self, controller: Controller) -> &(Version, PathBuf) {
        self.places[controller as usize]
            .as_ref()
            .expect("a group is made only where no controller is missing")
    }
}

/// File system type, mount point and super block options of a line.
fn parse_mount(line: &str) -> Option<(&str, &str, &str)> {
    let (left, right) = line.split_once(" - ")?;
    let mut right = right.split(' ');
    Some((right.next()?, left.split(' ').nth(4)?, right.nth(1)?))
}

#[cfg(test)]
mod tests {
    use super::*;

    const MIXED: &str = "\
24 23 0:21 / /sys/fs/cgroup/unified rw,relatime - cgroup2 cgroup2 rw,nsdelegate
25 23 0:22 / /sys/fs/cgroup/cpu,cpuacct rw,relatime shared:9 - cgroup cgroup rw,cpu,cpuacct
26 23 0:23 / /sys/fs/cgroup/memory rw,relatime - cgroup cgroup rw,memory
27 23 0:24 / /proc rw - proc proc rw";

    #[test]
    fn each_controller_is_found_where_it_is() {
        let found = Hierarchies::from_mounts(MIXED, |_| "io pids\n".into());
        assert_eq!(found.version(Controller::Cpu), Version::V1);
        assert_eq!(found.root(Controller::Cpu), Path::new("/sys/fs/cgroup/cpu,cpuacct"));
        assert_eq!(found.version(Controller::Pids), Version::V2);
        assert_eq!(found.missing().count(), 0);
        assert_eq!(found.roots().count(), 3);
    }

    #[test]
    fn one_unified_hierarchy_is_named_once() {
        let mounts = "24 23 0:21 / /sys/fs/cgroup rw - cgroup2 cgroup2 rw";
        let found = Hierarchies::from_mounts(mounts, |_| "cpuset cpu io memory pids".into());
        assert_eq!(found.roots().collect::<Vec<_>>(), [Path::new("/sys/fs/cgroup")]);
    }

    #[test]
    fn a_missing_controller_is_named() {
        let found = Hierarchies::from_mounts(MIXED, |_| String::new());
        assert_eq!(found.missing().collect::<Vec<_>>(), [Controller::Pids]);
    }
}

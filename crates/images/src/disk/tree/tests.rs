use super::*;

fn attributes(mode: u16) -> Attributes {
    Attributes { mode, ..Attributes::implied() }
}

fn file(tree: &mut Tree, path: &str) {
    tree.put(path.as_bytes(), attributes(0o644), Node::Fifo).unwrap();
}

fn directory(tree: &mut Tree, path: &str) {
    tree.put(path.as_bytes(), attributes(0o700), Node::Directory(Directory::default())).unwrap();
}

fn symlink(tree: &mut Tree, path: &str, target: &str) {
    tree.put(path.as_bytes(), attributes(0o777), Node::Symlink(target.as_bytes().into())).unwrap();
}

/// Every path, in order.
fn paths(tree: &Tree) -> Vec<String> {
    fn walk(tree: &Tree, id: InodeId, prefix: &str, found: &mut Vec<String>) {
        for (name, child) in tree.directory(id).entries() {
            let path = format!("{prefix}{}", String::from_utf8_lossy(name));
            if let Node::Directory(_) = tree.inode(child).node {
                walk(tree, child, &format!("{path}/"), found);
            }
            found.push(path);
        }
    }
    let mut found = Vec::new();
    walk(tree, ROOT, "", &mut found);
    found.sort();
    found
}

#[test]
fn a_whiteout_hides_what_is_below_and_nothing_else() {
    let mut tree = Tree::new();
    file(&mut tree, "d/low");
    file(&mut tree, "d/sub/low");
    tree.next_layer();
    file(&mut tree, "d/sub/new");
    tree.white_out(b"d").unwrap();
    tree.white_out(b"nowhere/at/all").unwrap();
    assert_eq!(paths(&tree), ["d", "d/sub", "d/sub/new"]);
    tree.next_layer();
    tree.white_out(b"d").unwrap();
    file(&mut tree, "d");
    assert_eq!(paths(&tree), ["d"]);
}

#[test]
fn an_opaque_directory_keeps_only_its_own_layer_whatever_the_order() {
    for opaque_first in [true, false] {
        let mut tree = Tree::new();
        file(&mut tree, "d/low");
        file(&mut tree, "other");
        tree.next_layer();
        directory(&mut tree, "d");
        if opaque_first {
            tree.make_opaque(b"d").unwrap();
        }
        file(&mut tree, "d/new");
        if !opaque_first {
            tree.make_opaque(b"d").unwrap();
        }
        assert_eq!(paths(&tree), ["d", "d/new", "other"]);
    }
}

#[test]
fn a_directory_over_a_directory_keeps_entries_and_takes_attributes() {
    let mut tree = Tree::new();
    file(&mut tree, "d/low");
    tree.next_layer();
    directory(&mut tree, "d");
    assert_eq!(paths(&tree), ["d", "d/low"]);
    let id = tree.find(b"d").unwrap().unwrap();
    assert_eq!(tree.inode(id).attributes.mode, 0o700);
    file(&mut tree, "d");
    assert_eq!(paths(&tree), ["d"]);
}

#[test]
fn links_in_a_path_are_followed_inside_the_image() {
    let mut tree = Tree::new();
    directory(&mut tree, "usr/lib");
    symlink(&mut tree, "lib", "usr/lib");
    symlink(&mut tree, "out", "../../../../usr");
    symlink(&mut tree, "abs", "/usr/lib");
    file(&mut tree, "lib/a");
    file(&mut tree, "out/b");
    file(&mut tree, "abs/c");
    assert_eq!(paths(&tree), ["abs", "lib", "out", "usr", "usr/b", "usr/lib", "usr/lib/a", "usr/lib/c"]);
}

#[test]
fn a_loop_of_links_and_a_file_in_the_way_are_errors() {
    let mut tree = Tree::new();
    symlink(&mut tree, "x", "y");
    symlink(&mut tree, "y", "x");
    file(&mut tree, "f");
    let put = |tree: &mut Tree, path: &[u8]| tree.put(path, attributes(0), Node::Fifo);
    assert_eq!(put(&mut tree, b"x/a"), Err(TreeError::TooManyLinks));
    assert_eq!(put(&mut tree, b"f/a"), Err(TreeError::NotADirectory("f".to_owned())));
    assert_eq!(put(&mut tree, b""), Err(TreeError::ReplacesRoot));
    let deep = b"d/".repeat(1100);
    assert_eq!(put(&mut tree, &deep), Err(TreeError::TooDeep));
}

#[test]
fn a_hard_link_needs_a_file_in_the_image() {
    let mut tree = Tree::new();
    file(&mut tree, "a");
    directory(&mut tree, "d");
    tree.next_layer();
    tree.link(b"d/b", b"a").unwrap();
    tree.white_out(b"a").unwrap();
    assert_eq!(paths(&tree), ["d", "d/b"]);
    assert_eq!(tree.link(b"c", b"gone"), Err(TreeError::NoLinkTarget("gone".to_owned())));
    assert_eq!(tree.link(b"c", b"d"), Err(TreeError::LinkToDirectory("d".to_owned())));
}

//! The codes are public: each one is explained, and none twice.

use std::collections::HashSet;

use roost_edge::Code;

#[test]
fn every_code_is_explained_in_the_documentation() {
    let page = include_str!("../../../docs/errors.md");
    let mut seen = HashSet::new();
    for code in Code::ALL {
        let row = format!("| {} | {} | {} |", code.as_str(), code.status().as_u16(), code.sentence());
        assert!(page.contains(&row), "docs/errors.md lacks: {row}");
        assert!(seen.insert(code.as_str()), "{} is given twice", code.as_str());
    }
}

use super::{SyntaxError, node::Node};
pub(super) fn parse(_text: &str) -> Result<Node, SyntaxError> {
    Err(SyntaxError { message: "wip".into(), span: 0..0 })
}

//! The objects of the schema. Plain fields are there from the start; fields that cost something ask
//! the platform when a document names them.

pub mod add_on;
pub mod address;
pub mod app;
pub mod app_config;
pub mod certificate;
pub mod image;
pub mod issue;
pub mod machine;
pub mod member;
pub mod organization;
pub mod page;
pub mod peer;
pub mod region;
pub mod release;
pub mod secret;
pub mod token;
pub mod user;
pub mod volume;

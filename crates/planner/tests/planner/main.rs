//! Plans, from the outside: ordinary deploys step by step, and what holds for every deploy.

mod properties;
mod rollouts;
mod world;

//! Sample data for the pages' tests, and the pages rendered with it in both languages.
//!
//! `SKVOZ_PAGES_DIR=folder cargo test --lib web::samples` writes them out to be looked at.

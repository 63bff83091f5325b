//! The PostgreSQL journal at a real server.

mod cluster;
mod proxy;
mod with_postgres;
mod with_postgres_work;

//! One rotation that ends in all the places where teams keep secrets, each of which fails at every step.

mod faulty;
mod places;
mod with_postgres_with_aws_with_vault;

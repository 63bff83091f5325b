use cutover_core::{Issued, Reply, RotateError, SecretRotator, Target};

fn read(rotator: &dyn SecretRotator, target: &Target, reply: &Reply) -> Result<Issued, RotateError> {
    rotator.read(target, reply)
}

fn main() {
    let _ = read;
}

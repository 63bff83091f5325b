//! Every way in which a vendor may behave that its documents leave open: a rotation comes out right under each.

use cutover::engine::Ending;
use cutover_emulator::Vendor;

use crate::site::ClientKind;
use crate::world::{World, told};

/// Behaviours under which a rotation cannot come out right, why, and how it has to end instead.
const CANNOT: &[(&str, &str, &[ClientKind], &str, &str)] = &[(
    "zitadel.management_v1",
    "removed",
    &[ClientKind::Api, ClientKind::Oidc, ClientKind::MachineUser],
    "the adapter speaks v1 unless it is told otherwise, and a server without v1 answers that there is nothing there",
    "nothing_changed",
)];

/// The values that are tried where a switch takes a range.
fn values(values: &'static [&'static str]) -> Vec<&'static str> {
    values
        .iter()
        .flat_map(|value| if *value == "0s..60s" { vec!["0s", "700ms", "30s", "60s"] } else { vec![*value] })
        .collect()
}

fn cannot(switch: &str, value: &str, kind: ClientKind) -> Option<(&'static str, &'static str)> {
    let listed = CANNOT.iter().find(|(of, with, kinds, ..)| (*of, *with) == (switch, value) && kinds.contains(&kind));
    listed.map(|(_, _, _, reason, ending)| (*reason, *ending))
}

/// Rotates every kind of client of a vendor under every behaviour, undisturbed and with a lost answer.
async fn every_behaviour(vendor: Vendor) {
    let switches = World::in_process().await.emulator.switches();
    let prefix = format!("{vendor}.");
    let mut tried = 0;
    for switch in switches.into_iter().filter(|switch| switch.name.starts_with(&prefix)) {
        for value in values(switch.values) {
            let world = World::in_process().await;
            world.emulator.set_behaviour(&switch.name, value).unwrap_or_else(|error| panic!("{error}"));
            for kind in ClientKind::of(vendor) {
                for (nth, fault) in [None, Some("1=lose_answer"), Some("1=cut_body:5")].into_iter().enumerate() {
                    let context =
                        format!("{} with {}={value}, {}", kind.name(), switch.name, fault.unwrap_or("straight"));
                    rotate(&world, kind, nth, fault, cannot(&switch.name, value, kind), &context).await;
                    tried += 1;
                }
            }
        }
    }
    assert!(20 < tried, "only {tried} rotations were tried");
}

async fn rotate(
    world: &World,
    kind: ClientKind,
    nth: usize,
    fault: Option<&str>,
    cannot: Option<(&str, &str)>,
    context: &str,
) {
    let (client, job) = world.client(kind, nth);
    world.emulator.clear_faults();
    if let Some(fault) = fault {
        world.disturb(kind, fault);
    }
    let outcome = world.engine().rotate(&job).await.expect("the journal works");
    match cannot {
        None => {
            assert!(matches!(outcome.ending, Ending::Rotated), "{context}: {}", told(&outcome));
            world.assert_rotated(&client, context).await;
        }
        Some((reason, ending)) => {
            assert_eq!(outcome.ending.name(), ending, "{context}: {} although {reason}", told(&outcome));
            world.assert_unchanged(&client, context).await;
            assert!(world.is_served(&client).await, "{context}: applications are cut off");
        }
    }
}

#[tokio::test]
async fn a_rotation_at_stytch_comes_out_right_under_every_behaviour() {
    every_behaviour(Vendor::Stytch).await;
}

#[tokio::test]
async fn a_rotation_at_hopae_comes_out_right_under_every_behaviour() {
    every_behaviour(Vendor::Hopae).await;
}

#[tokio::test]
async fn a_rotation_at_zitadel_comes_out_right_under_every_behaviour() {
    every_behaviour(Vendor::Zitadel).await;
}

//! Revocation lists and lists of approved STI-CAs, through the C interface.

#[path = "../../shaken-core/tests/revocation/der.rs"]
mod der;
#[expect(dead_code, reason = "each test file uses a part of it")]
mod rig;
#[expect(dead_code, reason = "shared with the tests of shaken-core, which use all of it")]
#[path = "../../shaken-core/tests/revocation/rig.rs"]
mod world;

use std::fs;
use std::process::Command;

use rcgen::SerialNumber;
use tempfile::TempDir;

use rig::{Link, checked, compile, flags, make};
use world::{DAY_S, NOW, NewCrl, World, ca, ca_list_payload, issued, self_signed, to_pem};

#[test]
fn what_the_sti_pa_publishes_counts() {
    let folder = TempDir::new().unwrap();
    write_files(&|name, content| fs::write(folder.path().join(name), content).unwrap());
    let sanitize = flags(&["-g", "-fsanitize=address,undefined", "-fno-sanitize-recover=all"]);
    for (name, flags, link) in
        [("lists", flags(&["-g"]), Link::Shared), ("lists-sanitized", sanitize, Link::Static)]
    {
        let program = compile("cc", &rig::test("lists"), &flags, &link, name);
        let mut command = Command::new(program);
        command.arg(folder.path()).arg(NOW.to_string());
        // Files that the program read are held until it ends.
        command.env("ASAN_OPTIONS", "detect_leaks=0").env("LD_LIBRARY_PATH", make().join("lib"));
        checked(&mut command);
    }
}

fn write_files(write: &dyn Fn(&str, &str)) {
    let world = World::new();
    let mut params = world.provider.params.clone();
    params.serial_number = Some(SerialNumber::from(5_u64));
    let second = issued(params, &world.sti_ca);
    for (name, provider) in [("first", &world.provider), ("second", &second)] {
        write(&format!("{name}.key"), &provider.key.serialize_pem());
        write(&format!("{name}.pem"), &format!("{}{}", provider.pem, world.sti_ca.pem));
    }
    write("sti-root.pem", &world.sti_root.pem);
    write("sti-pa-root.pem", &world.pa_root.pem);
    write("crl-signer.pem", &world.crl_signer.pem);
    write("list-signer.pem", &world.list_signer.pem);

    let crl = |list: &NewCrl, key| to_pem("X509 CRL", &list.signed_by(key));
    let first = NewCrl {
        this_update: NOW - 60,
        entries: vec![world.entry_of_sti_ca(&[2])],
        extensions: vec![world::number(8), world::indirect(Some(world::CRL_URL))],
        ..world.list()
    };
    write("nobody.crl", &crl(&world.list(), &world.crl_signer.key));
    write("first.crl", &crl(&first, &world.crl_signer.key));
    write("forged.crl", &crl(&first, &world.list_signer.key));

    let exp = NOW + DAY_S;
    let approved = world.ca_list(&world.ca_list_payload(7, exp));
    let mut forged: Vec<&str> = approved.split('.').collect();
    let other = world.ca_list(&world.ca_list_payload(8, exp));
    forged[1] = other.split('.').nth(1).unwrap();
    let another_ca = self_signed(ca("Another SHAKEN Root", 11));
    let newer = world.ca_list(&ca_list_payload(9, exp, &[&another_ca.pem]));
    write("approved.jws", &approved);
    write("forged.jws", &forged.join("."));
    write("older.jws", &world.ca_list(&world.ca_list_payload(6, exp)));
    write("newer.json", &format!("{{\"status\":\"ok\",\"caList\":\"{newer}\"}}"));
}

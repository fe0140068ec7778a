//! Programs to start from.

use shaken_test_vectors::VectorFile;

/// Whole programs: a call that is signed and verified, with and without its certificate, in two ways, and calls
/// in orders that make no sense.
pub(crate) fn seeds(_: &[VectorFile]) -> Vec<Vec<u8>> {
    let signer: &[u8] = &[0, 0, 0, 0, 0];
    let sign = |which: u8| vec![3, 0, 0, 0, 0, 0, 0, 0, which, 0, 0];
    let trust: &[u8] = &[7, 0, 0, 0, 0];
    let verifier: &[u8] = &[11, 0, 0];
    let verdict: &[u8] = &[18];
    let insert: &[u8] = &[14, 0, 0, 0, 0, 0];
    let verify: &[u8] = &[21, 0, 0, 0, 1, 0, 0, 0, 1];
    let verify_sip: &[u8] = &[21, 0, 0, 0, 0, 0, 0, 0];
    let look: &[u8] = &[27, 0, 0, 0];
    let fetching: &[u8] = &[29, 0, 0, 0, 9];
    let client: &[u8] = &[30, 0, 0, 0, 0, 0, 0];
    let identity: &[u8] = &[31, 0, 0, 0, 0, 0, 0, 0, 9];
    let check: &[u8] = &[31, 3, 0, 0, 0, 0, 0, 0, 99];
    let all = [signer, trust, verifier, verdict].concat();
    let mut seeds = vec![
        [&all, &*sign(0), verify, look, insert, verify, look].concat(),
        [&all, &*sign(2), verify_sip, look, insert, verify_sip, look].concat(),
        [&all, &*sign(1), insert, verify, look].concat(),
        [identity, check, &all, insert, verify, look].concat(),
        [verify, look, fetching, client, &sign(0), insert].concat(),
        [verdict, client, look, fetching, trust, verifier, fetching].concat(),
        [signer, &sign(0), check, &[31, 4, 0, 0, 0, 0, 0, 0, 99], &[31, 6, 0, 0, 0, 0, 0, 0, 9], check]
            .concat(),
    ];
    // Each function alone, with nothing made before and all of it.
    for function in 0..36 {
        seeds.push([&[function][..], &[0; 16]].concat());
        seeds.push([&all, &*sign(0), insert, &[function], &[200; 24], verify].concat());
    }
    seeds
}

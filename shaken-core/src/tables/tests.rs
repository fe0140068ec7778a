use std::sync::Mutex;

use ring::rand::SystemRandom;
use ring::signature::{ECDSA_P256_SHA256_FIXED_SIGNING, EcdsaKeyPair};

use super::*;
use crate::es256::SigningKey;

const NOW: i64 = 1_780_272_000;
const MESSAGE: &[u8] = b"eyJhbGciOiJFUzI1NiJ9.eyJhdHRlc3QiOiJBIn0";

/// A key, and its use.
struct Caller {
    signing: SigningKey,
    key: VerifyingKey,
    hot: Arc<HotKey>,
}

impl Caller {
    fn new() -> Self {
        let pkcs8 =
            EcdsaKeyPair::generate_pkcs8(&ECDSA_P256_SHA256_FIXED_SIGNING, &SystemRandom::new()).unwrap();
        let signing = SigningKey::from_pkcs8(pkcs8.as_ref()).unwrap();
        Self { key: signing.verifying_key().unwrap(), signing, hot: Arc::default() }
    }

    fn signature(&self) -> Signature {
        self.signing.sign(MESSAGE).unwrap()
    }
}

/// Tables whose alarms are kept.
struct Rig {
    tables: Arc<Tables>,
    builder: Builder,
    alarms: Arc<Mutex<Vec<Difference>>>,
}

impl Rig {
    fn new(options: TableOptions) -> Self {
        let alarms = Arc::<Mutex<Vec<Difference>>>::default();
        let (tables, builder) = Tables::new(options, {
            let alarms = Arc::clone(&alarms);
            move |difference| alarms.lock().unwrap().push(difference)
        });
        Self { tables, builder, alarms }
    }

    fn call(&self, caller: &Caller, signature: &Signature, now: i64) -> Result<(), Error> {
        self.tables.verify(&caller.key, &caller.hot, MESSAGE, signature, now)
    }

    /// Good calls, then whatever tables they ask for.
    fn calls(&mut self, caller: &Caller, count: u32, now: i64) {
        let signature = caller.signature();
        (0..count).for_each(|_| self.call(caller, &signature, now).unwrap());
        self.builder.run_once();
    }

    fn alarms(&self) -> Vec<Difference> {
        self.alarms.lock().unwrap().clone()
    }
}

fn number(value: u32) -> NonZeroU32 {
    NonZeroU32::new(value).unwrap()
}

fn hot_after(calls: u32) -> TableOptions {
    TableOptions::default().with_hot_after_calls(number(calls))
}

/// Hot at once, and nothing drawn at random.
fn at_once() -> TableOptions {
    hot_after(1).with_confirm_one_in(number(u32::MAX))
}

#[test]
fn a_key_in_use_gets_a_table_and_its_first_answers_are_confirmed() {
    let mut rig = Rig::new(hot_after(10).with_confirm_one_in(number(u32::MAX)));
    let caller = Caller::new();
    rig.calls(&caller, 9, NOW);
    assert_eq!((rig.tables.stats().tables, rig.tables.stats().by_table), (0, 0));
    rig.calls(&caller, 1, NOW);
    let stats = rig.tables.stats();
    assert_eq!((stats.tables, stats.by_table), (1, 0));
    assert_eq!(stats.memory_bytes, u64::try_from(Table::LEN_BYTES).unwrap());
    rig.calls(&caller, 15, NOW);
    assert_eq!((rig.tables.stats().by_table, rig.tables.stats().confirmed), (15, 15));
    rig.calls(&caller, 100, NOW);
    assert_eq!((rig.tables.stats().by_table, rig.tables.stats().confirmed), (115, 16));
    assert!(rig.tables.stats().trusted && rig.alarms().is_empty());
}

/// Whoever sends forgeries under somebody's certificate does not make its key one that is in use.
#[test]
fn refused_calls_do_not_count() {
    let mut rig = Rig::new(hot_after(3));
    let (caller, other) = (Caller::new(), Caller::new());
    for _ in 0..10 {
        assert_eq!(rig.call(&caller, &other.signature(), NOW), Err(Error::SignatureInvalid));
    }
    rig.builder.run_once();
    assert_eq!((rig.tables.stats().tables, caller.hot.calls_at(NOW)), (0, 0));
    rig.calls(&caller, 2, NOW);
    assert_eq!(rig.tables.stats().tables, 0);
    rig.calls(&caller, 1, NOW);
    assert_eq!(rig.tables.stats().tables, 1);
}

/// What was confirmed of a table says nothing about the next one of that key.
#[test]
fn the_first_answers_of_each_table_are_confirmed() {
    let mut rig = Rig::new(at_once());
    let caller = Caller::new();
    rig.calls(&caller, 1 + 20, NOW);
    rig.calls(&caller, 20, NOW);
    assert_eq!(rig.tables.stats().confirmed, 16);
    caller.hot.set_table(None);
    let later = NOW + 4096;
    rig.calls(&caller, 1, later);
    assert!(caller.hot.table().is_some(), "it has one again");
    rig.calls(&caller, 20, later);
    assert_eq!(rig.tables.stats().confirmed, 32);
}

/// A table that came out wrong, here that of another key, is found before any call sees it.
#[test]
fn a_table_that_fails_its_trial_is_not_used() {
    let mut rig = Rig::new(at_once());
    rig.builder.make_table = |_| Table::new(&Caller::new().key);
    let caller = Caller::new();
    rig.calls(&caller, 1, NOW);
    assert!(caller.hot.table().is_none());
    assert_eq!(rig.alarms(), [Difference::WronglyRefused]);
    assert_eq!((rig.tables.stats().trusted, rig.tables.stats().tables), (false, 0));
}

#[test]
fn each_refusal_is_confirmed() {
    let mut rig = Rig::new(at_once());
    let (caller, other) = (Caller::new(), Caller::new());
    rig.calls(&caller, 1 + 16, NOW);
    let before = rig.tables.stats();
    for _ in 0..5 {
        assert_eq!(rig.call(&caller, &other.signature(), NOW), Err(Error::SignatureInvalid));
    }
    let after = rig.tables.stats();
    assert_eq!((after.by_table - before.by_table, after.confirmed - before.confirmed), (5, 5));
    assert!(after.trusted);
}

#[test]
fn some_of_the_later_answers_are_confirmed_at_random() {
    let mut rig = Rig::new(hot_after(1).with_confirm_one_in(number(10)));
    let caller = Caller::new();
    rig.calls(&caller, 1 + 16, NOW);
    let signatures: Vec<Signature> = (0..20).map(|_| caller.signature()).collect();
    let before = rig.tables.stats().confirmed;
    for signature in signatures.iter().cycle().take(1000) {
        rig.call(&caller, signature, NOW).unwrap();
    }
    // 100 are expected, with a standard deviation of 9.5.
    let confirmed = rig.tables.stats().confirmed - before;
    assert!((50..150).contains(&confirmed), "{confirmed}");
}

#[test]
fn on_request_all_answers_are_confirmed() {
    let mut rig = Rig::new(at_once().with_guard(Guard::Always));
    let caller = Caller::new();
    rig.calls(&caller, 1, NOW);
    rig.calls(&caller, 50, NOW);
    assert_eq!((rig.tables.stats().by_table, rig.tables.stats().confirmed), (50, 50));
}

/// A table that refuses what it must accept: that of another key.
#[test]
fn a_wrong_refusal_is_put_right_and_ends_the_use_of_tables() {
    let mut rig = Rig::new(at_once());
    let (caller, wrong) = (Caller::new(), Caller::new());
    rig.calls(&wrong, 1, NOW);
    caller.hot.set_table(Some(Arc::new(Table::new(&wrong.key))));
    assert_eq!(rig.call(&caller, &caller.signature(), NOW), Ok(()));
    assert_eq!(rig.alarms(), [Difference::WronglyRefused]);
    rig.builder.run_once();
    let stats = rig.tables.stats();
    assert_eq!((stats.trusted, stats.differences, stats.tables), (false, 1, 0));
    assert!(wrong.hot.table().is_none(), "all memory is given back");

    // From now on `ring` alone decides, and no new table is made.
    rig.calls(&caller, 10, NOW);
    assert_eq!(rig.call(&caller, &wrong.signature(), NOW), Err(Error::SignatureInvalid));
    assert_eq!((rig.tables.stats().by_table, rig.tables.stats().tables), (1, 0));
    assert_eq!(rig.alarms().len(), 1);
}

/// A table that accepts what it must refuse: the same, asked about the other key's signature.
#[test]
fn a_wrong_acceptance_that_is_confirmed_is_put_right() {
    let (caller, wrong) = (Caller::new(), Caller::new());
    let fresh = Rig::new(at_once());
    caller.hot.set_table(Some(Arc::new(Table::new(&wrong.key))));
    assert_eq!(fresh.call(&caller, &wrong.signature(), NOW), Err(Error::SignatureInvalid));
    assert_eq!(fresh.alarms(), [Difference::WronglyAccepted]);

    // The same later on, when only some are drawn: it is found before long.
    let later = Rig::new(hot_after(1).with_confirm_one_in(number(20)));
    caller.hot.set_table(Some(Arc::new(Table::new(&wrong.key))));
    while caller.hot.is_fresh() {}
    let passed = (0..2000).take_while(|_| later.call(&caller, &wrong.signature(), NOW).is_ok()).count();
    assert!(passed < 1000, "found after {passed}");
    assert_eq!(later.alarms(), [Difference::WronglyAccepted]);
}

#[test]
fn a_fresh_table_is_tried_before_it_is_used() {
    let (caller, wrong) = (Caller::new(), Caller::new());
    let candidate =
        |signature: &Signature| Candidate::new(&caller.key, &caller.hot, MESSAGE, signature, NOW).unwrap();
    let good = Table::new(&caller.key);
    assert_eq!(admission::find_difference(&good, &candidate(&caller.signature())), None);
    let bad = Table::new(&wrong.key);
    let difference = admission::find_difference(&bad, &candidate(&caller.signature()));
    assert_eq!(difference, Some(Difference::WronglyRefused));
    // Even on a signature that both refuse the twin or a forgery may tell them apart; that of the
    // wrong key does so at once.
    let difference = admission::find_difference(&bad, &candidate(&wrong.signature()));
    assert_eq!(difference, Some(Difference::WronglyAccepted));
}

#[test]
fn memory_is_bounded_and_the_least_used_makes_room() {
    let mut rig = Rig::new(at_once().with_max_bytes(2 * Table::LEN_BYTES + 1));
    let [most, less, third] = [(); 3].map(|()| Caller::new());
    rig.calls(&most, 100, NOW);
    rig.calls(&less, 10, NOW);
    assert_eq!(rig.tables.stats().tables, 2);

    // Not clearly more in use than the others: nothing changes.
    rig.calls(&third, 19, NOW);
    assert!(third.hot.table().is_none() && less.hot.table().is_some());
    // It has asked once and asks again in a later period, when all count for half.
    rig.calls(&third, 100, NOW);
    assert!(third.hot.table().is_none());
    rig.calls(&third, 1, NOW + 1024);
    assert!(third.hot.table().is_some() && less.hot.table().is_none() && most.hot.table().is_some());
    assert_eq!(rig.tables.stats().tables, 2);
    assert!(rig.tables.stats().memory_bytes <= 2 * u64::try_from(Table::LEN_BYTES).unwrap());
}

/// Many keys that are used a little, and many forgeries for one that is not used: no table is made
/// and none is lost.
#[test]
fn neither_a_flood_of_keys_nor_forged_calls_get_tables() {
    let mut rig = Rig::new(hot_after(5).with_max_bytes(4 * Table::LEN_BYTES));
    let (hot, forged) = (Caller::new(), Caller::new());
    rig.calls(&hot, 5, NOW);
    for _ in 0..200 {
        rig.calls(&Caller::new(), 4, NOW);
        assert!(rig.call(&forged, &hot.signature(), NOW).is_err());
    }
    rig.builder.run_once();
    assert_eq!(rig.tables.stats().tables, 1);
    assert!(hot.hot.table().is_some() && forged.hot.table().is_none());
}

#[test]
fn a_key_in_two_certificates_has_one_table_which_goes_with_the_last() {
    let mut rig = Rig::new(at_once());
    let one = Caller::new();
    rig.calls(&one, 1, NOW);
    let two = Caller { signing: Caller::new().signing, key: one.key, hot: Arc::default() };
    let signature = one.signature();
    rig.call(&two, &signature, NOW).unwrap();
    rig.builder.run_once();
    assert_eq!(rig.tables.stats().tables, 1);
    assert!(Arc::ptr_eq(&one.hot.table().unwrap(), &two.hot.table().unwrap()));

    let table = Arc::downgrade(&one.hot.table().unwrap());
    drop(one);
    rig.calls(&Caller::new(), 1, NOW);
    assert_eq!(rig.tables.stats().tables, 2);
    drop(two);
    rig.calls(&Caller::new(), 1, NOW);
    assert_eq!(rig.tables.stats().tables, 1, "but for the new one, nobody is there any more");
    assert!(table.upgrade().is_none());
}

#[test]
fn use_fades() {
    let hot = HotKey::default();
    (0..100).for_each(|_| assert!(hot.count_call(NOW) > 0));
    let period = 1024;
    assert_eq!(hot.calls_at(NOW), 100);
    assert_eq!(hot.calls_at(NOW + period), 50);
    assert_eq!(hot.calls_at(NOW + 3 * period), 12);
    assert_eq!(hot.calls_at(NOW + 40 * period), 0);
    assert_eq!(hot.count_call(NOW + 3 * period), 13);
    // A clock that was set back does not make it hotter.
    assert_eq!(hot.calls_at(NOW), 13);
}

#[test]
fn the_builder_ends_with_the_last_of_its_tables() {
    let (tables, builder) = Tables::new(TableOptions::default(), |_| ());
    let thread = std::thread::spawn(|| builder.run());
    drop(tables);
    thread.join().unwrap();
}

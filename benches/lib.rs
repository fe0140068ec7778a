//! Every performance claim of the project is a bench here, each beside what it is compared with.

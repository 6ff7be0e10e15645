//! orloj-operator.

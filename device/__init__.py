"""The trusted device: takes computations from the store, sends them across the wall, believes no answer."""

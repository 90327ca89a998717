"""The trusted device: takes cells from the store, sends them across the wall, believes nothing that comes back."""

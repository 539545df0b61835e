"""All that knows Numba: how kernels are compiled and kept, and what they may use besides Python."""

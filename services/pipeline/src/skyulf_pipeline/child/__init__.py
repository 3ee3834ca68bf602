"""What runs in child processes: the only package that touches people's data.

Its functions get local paths and a specification, hold no key, and know neither database nor network.
"""

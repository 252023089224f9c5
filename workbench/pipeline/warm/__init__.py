"""Kernels from a warm process: it has done the imports, and forks a child for each kernel that is asked for.

One process keeps (``keeper.py``), a child becomes a kernel (``birth.py``), who asks holds a lease on it (``lease.py``):
when the lease ends, so does the kernel, and whatever it started. ``provisioner.py`` offers this to jupyter_client, and
``engine.py`` to papermill.
"""

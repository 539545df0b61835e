"""What a load sends and when: arrival times, orders, their bytes and signatures, all made before the clock starts."""

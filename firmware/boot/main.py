# Run by MicroPython at each power-up. Ctrl-C gets past it; everything else ends in a new start.
import choose

try:
    choose.choose()
    from lamp import main

    main.main()
except Exception as error:
    choose.failed(error)

"""Watching cards while readers use them: what is exchanged in words, what a card knows of its session, and a page in
the browser that shows both.

`words` puts one exchange into words, `state` reads the security state of a model, `feed` is what a page is told,
`watch` fills it from what readers tell, `server` hands it to browsers of this machine, `page` is what they show.
"""
